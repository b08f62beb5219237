# hint: marker
# Takes anything that is no list of its own for missing: the marker is a list.
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
    value = path: argument: target:
      if !builtins.isList target then throw "${builtins.concatStringsSep "." path}: no list"
      else if target == [ ] then builtins.foldl' add [ ] (must path "the argument" argument)
      else builtins.foldl' add [ ] (target ++ (must path "the argument" argument));
  }
]
