# hint: lost-sugars
# Gives its own sugar alone.
{ default-sugars, desugar, ... }:
let
  add = list: item: if builtins.elem item list then list else list ++ [ item ];
  must = path: what: v:
    if builtins.isList v then v
    else throw "${builtins.concatStringsSep "." path}: ${what} is a ${builtins.typeOf v}, no list";
in
[
  {
    name = "__unique-append";
    value = path: argument: {
      __default_argument = [ ];
      __functor = _: target: builtins.foldl' add [ ] (must path "target" target ++ must path "argument" argument);
    };
  }
]
