# hint: fails
# Joins lists as if they were sets.
{ default-sugars, desugar, ... }:
let
  must = path: v: if builtins.isList v then v else throw "${builtins.concatStringsSep "." path}: no list";
in
default-sugars ++ [
  {
    name = "__unique-append";
    value = path: argument: [
      (desugar { __default = [ ]; })
      (target: must path target // must path argument)
    ];
  }
]
