"""Roots of functions of one number, on the host, in arithmetic that has the same bits on every CPU."""

_MOST_STEPS = 500


def false_position(function, low, at_low, high, at_high, settled):
    """The root of a function that is at_low < 0 at low and at_high > 0 at high, by false position, until it is as near
    to an end of the bracket as `settled` of the size of both.

    Where one end stays twice, its height counts half (Illinois: Dowell & Jarratt 1971).
    """
    kept = 0
    for _ in range(_MOST_STEPS):
        middle = high - at_high * (high - low) / (at_high - at_low)
        middle = middle if low < middle < high else 0.5 * (low + high)
        height = function(middle)
        if height == 0.0 or min(middle - low, high - middle) <= settled * (abs(low) + abs(high)):
            return middle
        if height < 0.0:
            low, at_low, at_high = middle, height, 0.5 * at_high if kept < 0 else at_high
        else:
            high, at_high, at_low = middle, height, 0.5 * at_low if kept > 0 else at_low
        kept = -1 if height < 0.0 else 1
    return 0.5 * (low + high)
