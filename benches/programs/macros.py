def main():
    total = 0
    for y in range(300):
        for x in range(300):
            value = x * x - y * y
            if value < -500:
                value = -500
            elif value > 700:
                value = 700
            total += value
    return total
