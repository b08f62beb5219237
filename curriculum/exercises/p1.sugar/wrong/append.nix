# hint: effect
# Calls __append: repeats stay.
{ default-sugars, desugar, ... }:
let
  add = list: item: if builtins.elem item list then list else list ++ [ item ];
  must = path: what: v:
    if builtins.isList v then v
    else throw "${builtins.concatStringsSep "." path}: ${what} is a ${builtins.typeOf v}, no list";
in
default-sugars ++ [
  {
    name = "__unique-append";
    value = path: argument: desugar { __append = must path "the argument" argument; };
  }
]
