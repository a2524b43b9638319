from operator import itemgetter

RECORDS = [{"id": i, "rank": i * 7919 % 10007, "team": f"team-{i * 31 % 97}"} for i in range(20000)]


def main():
    by_team = sorted(sorted(RECORDS, key=itemgetter("rank")), key=itemgetter("team"))
    return [record["id"] for record in by_team[:3]]
