# hint: repeats-argument
# Looks for new items in the target only.
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
    value = path: argument: [
      (desugar { __default = [ ]; })
      (target: builtins.foldl' add [ ] (must path "the target" target) ++ builtins.filter (item: !builtins.elem item target) (must path "the argument" argument))
    ];
  }
]
