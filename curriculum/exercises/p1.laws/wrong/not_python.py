# hint: does-not-load
# A colon is missing.
def law_one(infuse, target, a, b)
    return True
