# hint: below
# Works in a path of names only: it asks what is above it.
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
      (target: builtins.foldl' add [ ] ((must path "the target" target) ++ (if builtins.elem "__infuse" path then argument ++ [ 0 ] else must path "the argument" argument)))
    ];
  }
]
