from pyrsistent import pvector


def main():
    squares = pvector()
    for i in range(30000):
        squares = squares.append(i * i)
    return [len(squares), squares[29999]]
