from immutables import Map

PLAYERS = Map({i: Map(name=f"player-{i}", score=0, level=1) for i in range(100)})
GAME = Map(turn=0, players=PLAYERS)


def play(game, turn):
    players = game["players"]
    player = players[turn % 100]
    player = player.set("score", player["score"] + turn)
    return game.set("players", players.set(turn % 100, player)).set("turn", turn)


def main():
    game = GAME
    for turn in range(4000):
        game = play(game, turn)
    return [game["turn"], game["players"][42]["score"], GAME["players"][42]["score"]]
