# hint: no-list
# A bracket is not closed.
{ default-sugars, desugar, ... }:
default-sugars ++ [
  { name = "__unique-append"; value = path: argument: target: target ++ argument; }
