# A functor that says what stands for a missing attribute, and a search of its own; no `desugar`.
{ default-sugars, ... }:
let
  place = builtins.concatStringsSep ".";
  list = path: what: value:
    if builtins.typeOf value == "list" then value else throw "${place path}: ${what} has to be a list";
  without = item: builtins.filter (other: other != item);
  nub = items:
    if items == [ ] then [ ]
    else [ (builtins.head items) ] ++ nub (without (builtins.head items) (builtins.tail items));
in
default-sugars ++ [
  {
    name = "__unique-append";
    value = path: argument: {
      __default_argument = [ ];
      __functor = self: target: nub (list path "what is here" target ++ list path "the argument" argument);
    };
  }
]
