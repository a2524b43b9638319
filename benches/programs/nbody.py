from math import sqrt

BODIES = [
    (0.0, 0.0, 0.0, 0.0, 1000.0),
    (10.0, 0.0, 0.0, 10.0, 1.0),
    (0.0, 20.0, -7.0, 0.0, 2.0),
    (-30.0, 0.0, 0.0, -5.75, 3.0),
]


def advanced(body, bodies, dt):
    x, y, vx, vy, mass = body
    ax = ay = 0.0
    for ox, oy, _, _, other in bodies:
        dx = ox - x
        dy = oy - y
        square = dx * dx + dy * dy + 0.01
        pull = other / (square * sqrt(square))
        ax += dx * pull
        ay += dy * pull
    vx += ax * dt
    vy += ay * dt
    return x + vx * dt, y + vy * dt, vx, vy, mass


def main():
    bodies = BODIES
    for _ in range(1000):
        bodies = [advanced(body, bodies, 0.01) for body in bodies]
    return [[x, y] for x, y, *_ in bodies]
