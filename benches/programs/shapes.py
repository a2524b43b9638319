def area(shape):
    match shape:
        case {"kind": "circle", "r": r}:
            return 3 * r * r
        case {"kind": "rectangle", "w": w, "h": h}:
            return w * h
        case ("square", side):
            return side * side
        case _:
            return 0


SHAPES = [{"kind": "circle", "r": 2}, {"kind": "rectangle", "w": 2, "h": 3}, ("square", 4), "none"]


def main():
    return sum(area(SHAPES[i % 4]) for i in range(16000))
