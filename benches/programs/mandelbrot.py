def escape(cr, ci):
    zr = zi = 0.0
    for n in range(50):
        r2 = zr * zr
        i2 = zi * zi
        if r2 + i2 > 4.0:
            return n
        zr, zi = r2 - i2 + cr, 2.0 * zr * zi + ci
    return 50


def main():
    return sum(escape(x * 0.046875 - 2.0, y * 0.04 - 0.96) for y in range(48) for x in range(64))
