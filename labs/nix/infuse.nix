# infuse: one attribute set edited by another, deeply.
#
# An implementation of the specification of infuse.nix v2.4 (and, with `version = "2.6"`, of v2.6), made for
# reading: no nixpkgs, 250 lines. The original is https://codeberg.org/amjoseph/infuse.nix.
#
#   infuse = (import ./infuse.nix { }).v1.infuse;
#   infuse { a.b = 1; } { a.b = b: b + 1; c.__default = 2; }      # { a.b = 2; c = 2; }
#
# `sugars`, if given, replaces the default ones: a list of { name = "__x"; value = path: value: infusion; },
# applied in the order of the list.
{ sugars ? null, version ? "2.4", ... }:

let
  inherit (builtins)
    attrNames attrValues concatMap concatStringsSep elem elemAt filter foldl' functionArgs genList
    head intersectAttrs isAttrs isList isString length listToAttrs map mapAttrs match replaceStrings
    split stringLength substring throw toJSON toString tryEval typeOf;

  v24 = version == "2.4";

  # ---- values ---------------------------------------------------------------------------------------------

  isFunction = v: builtins.isFunction v || (isAttrs v && v ? __functor);
  isPlain = v: isAttrs v && !isFunction v;
  isDerivation = v: isAttrs v && (v.type or null) == "derivation";
  isSpecial = name: substring 0 2 name == "__";
  id = v: v;
  flatten = v: if isList v then concatMap flatten v else [ v ];

  # What a function is given where the target has no such attribute. Only this one list is equal to it
  # without a look inside, because Nix takes one and the same value for equal before it compares.
  missing = [ [ (throw "the missing-attribute-marker was forced") ] ];

  # f, but with `default` where the attribute is missing.
  orWith = default: f: v: f (if v == missing then default else v);

  # ---- errors ---------------------------------------------------------------------------------------------

  showName = name:
    if match "[a-zA-Z_][a-zA-Z0-9_'-]*" name != null then name
    else replaceStrings [ "$" ] [ "\\$" ] (toJSON name);
  showPath = path:
    if path == [ ] then "<root attribute path>" else concatStringsSep "." (map showName path);
  fail = path: func: message: throw "infuse.${func}: at path ${showPath path}: ${message}";

  # A value in words, for __init.
  pretty = indent: v:
    let
      deeper = indent + "  ";
      lines = filter isString (split "\n" (replaceStrings [ "''" "\${" ] [ "'''" "''\${" ] v));
    in
    if isString v && length lines > 1 then
      "''\n" + concatStringsSep "\n" (map (line: deeper + line) lines) + "''"
    else if isString v then ''"${replaceStrings [ "\\" ''"'' "\${" ] [ "\\\\" ''\"'' "\\\${" ] v}"''
    else if isFunction v then "<function>"
    else if isDerivation v then "<derivation ${v.name or "???"}>"
    else if v == null then "null"
    else if v == true then "true"
    else if v == false then "false"
    else if isList v then
      if v == [ ] then "[ ]"
      else "[\n" + concatStringsSep "" (map (x: "${deeper}${pretty deeper x}\n") v) + "${indent}]"
    else if isAttrs v then
      if v == { } then "{ }"
      else "{\n" + concatStringsSep ""
        (map (n: "${deeper}${showName n} = ${pretty deeper v.${n}};\n") (attrNames v)) + "${indent}}"
    else toString v;
  shown = v:
    if v24 then pretty "" v
    else let tried = tryEval (pretty "" v); in if tried.success then tried.value else "<<throw>>";

  # ---- first pass: sugars become functions ----------------------------------------------------------------

  desugarWith = table: path: infusion:
    let
      names = attrNames infusion;
      special = filter isSpecial names;
      unknown = filter (name: !(table.byName ? ${name})) names;
    in
    if isFunction infusion then infusion
    else if isList infusion then map (desugarWith table path) infusion
    else if !isAttrs infusion then fail path "desugar" "invalid type ${typeOf infusion}"
    else if special == [ ] then mapAttrs (name: desugarWith table (path ++ [ name ])) infusion
    else if length special < length names then
      fail path "desugar" ("mixing special (hasPrefix \"__\") and non-special attributes at the same path level "
        + "is not (yet) supported")
    else if unknown != [ ] then
      # v2.4 has two arguments swapped in its message: what is seen is Nix's complaint about that.
      if v24 then throw "value is a set while a string was expected"
      else fail path "desugar" ("infusion contains __-prefixed attrnames which are not in the sugar-map: "
        + toString unknown)
    else
      map (name: table.byName.${name} (path ++ [ name ]) infusion.${name})
        (filter (name: infusion ? ${name}) table.order);

  # ---- second pass: what has no leaf becomes { } ----------------------------------------------------------

  prune = infusion:
    if isList infusion then map prune infusion
    else if !isPlain infusion then infusion
    else
      let pruned = mapAttrs (_: prune) infusion; in
      if builtins.all (v: v == { }) (attrValues pruned) then { } else pruned;

  # ---- third pass: an infusion becomes a function of the target -------------------------------------------

  apply = path: infusion:
    if isFunction infusion then infusion
    else if isList infusion then
      # A lazy pipeline: a step that ignores what it is given does not compute it.
      foldl' (before: step: target: step (before target)) id
        (genList (i: apply (path ++ [ "[${toString i}]" ]) (elemAt infusion i)) (length infusion))
    else if !isAttrs infusion then
      fail path "flip-infuse-desugared-pruned"
        "desugared infusions must contain only functions, lists, and attrsets; found a ${typeOf infusion}"
    else target:
      if isDerivation target then
        fail path "flip-infuse-desugared-pruned"
          "attempted to infuse to subattributes of a derivation (did you forget to use desugar?)"
      else if !isAttrs target then
        fail path "flip-infuse-desugared-pruned" "attempted to infuse an attrset to a target of type ${typeOf target}"
      else
        target // mapAttrs (name: part: apply (path ++ [ name ]) part (target.${name} or (default part))) infusion;

  # What stands for an attribute that the target has not: { } for an attribute set, so that paths are made.
  default = infusion:
    infusion.__default_argument or (
      if isPlain infusion then { }
      else if isList infusion && infusion != [ ] then default (head infusion)
      else missing);

  infuseWith = table: path: infusion: apply path (prune (desugarWith table path infusion));

  # ---- the sugars, in their order -------------------------------------------------------------------------

  sugar = name: value: { inherit name value; };
  unsupported = path: func: v: fail path func "applied to unsupported type: ${typeOf v}";

  # An overlay after another (nixpkgs' composeExtensions).
  compose = f: g: final: prev:
    let applied = f final prev; in applied // g final (prev // applied);

  # `asSet` says how a plain attribute set, which is an infusion, becomes the function that was expected.
  functionOr = path: func: asSet: v:
    if isPlain v then asSet v else if isFunction v then v else unsupported path func v;

  overlaySugar = func: join: path: value:
    let overlay = functionOr path func (i: _: infuseWith defaults path i) value; in
    builtins.seq overlay (orWith (_: prev: prev) (old: assert isFunction old; join overlay old));

  pendSugar = func: join: path: value:
    if isString value then orWith "" (string: assert isString string; join value string "string")
    else if isList value then orWith [ ] (list: assert isList list; join value list "list")
    else unsupported path func value;

  inputSugar = path: value:
    let
      desugared = desugarWith defaults path value;
      wrong = fail path "input" "infused an unsupported type to __input: ${typeOf value}";
      change =
        if isPlain value then previous: apply path (prune desugared) previous
        else if isFunction value then value
        else wrong;
      declared = f: if f ? __functor then f.__functionArgs or (functionArgs (f.__functor f)) else functionArgs f;
      check = args: name:
        args ? ${name}
        || fail path "input" "infused to __input.${name} of a function which has no argument named ${name}.";
      checked = args: result:
        if v24 || !isPlain value then result
        else builtins.seq (builtins.all (check args) (attrNames desugared)) result;
      target = f:
        if f ? override then checked f.override.__functionArgs (f.override change)
        else if isFunction f then checked (declared f) (argument: f (change argument))
        else if v24 then fail path "input" "attempted to infuse a function to target.__input but !(isFunction target)"
        else fail path "input" "attempted to infuse a function to __input attribute of a ${typeOf f}";
    in
    if v24 then builtins.seq change target else target;

  outputSugar = path: value:
    let
      change = functionOr path "output" (i: _: previous: infuseWith defaults path i previous) value;
      two = final: previous:
        let applied = change final; in
        if isFunction applied then applied previous
        else fail path "output" ("when infusing to drv.__output you must pass a *two*-argument curried function "
          + "(i.e. `__output = finalAttrs: previousAttrs: ...`)");
    in
    builtins.seq change (target:
      if isFunction target then argument: change (target argument)
      else if isDerivation target && target ? overrideAttrs then target.overrideAttrs two
      # v2.4 names the wrong function here.
      else fail path (if v24 then "input" else "output")
        "attempted to infuse to __output of an unsupported type: ${typeOf target}");

  filterSugar = path: keep:
    if !isFunction keep then fail path "filter" "tried to infuse a non-function of type ${typeOf keep}"
    else target:
      if isList target then filter keep target
      else if isAttrs target then
        listToAttrs (concatMap (n: if keep n target.${n} then [ (sugar n target.${n}) ] else [ ]) (attrNames target))
      else unsupported path "filter" target;

  eachSugar = name: path: value:
    let each = apply path (prune (desugarWith defaults (path ++ [ name ]) value)); in
    mapAttrs (if name == "__attrs" then each else _: each);

  default-sugars = [
    (sugar "__init" (path: value: target:
      if target == missing then value
      else fail path "desugar" ("infused a value to __init but attribute already existed, value=${shown target}; "
        + "maybe you meant to use __assign or __default?")))
    (sugar "__default" (_: value: orWith value id))
    (sugar "__assign" (_: value: _: value))
    (sugar "__underlay" (overlaySugar "prelay" compose))
    (sugar "__overlay" (overlaySugar "overlay" (overlay: target: compose target overlay)))
  ] ++ (if v24 then [ ] else [ (sugar "__filter" filterSugar) ]) ++ [
    (sugar "__prepend" (pendSugar "prepend" (x: v: type: if type == "list" then x ++ v else x + v)))
    (sugar "__append" (pendSugar "append" (x: v: type: if type == "list" then v ++ x else v + x)))
    (sugar "__input" inputSugar)
    (sugar "__output" outputSugar)
  ] ++ (if v24 then [ ] else map (name: sugar name (eachSugar name)) [ "__values" "__attrs" ]) ++ [
    (sugar "__infuse" (desugarWith defaults))
  ];

  tableOf = list: { byName = listToAttrs list; order = map (s: s.name) list; };
  defaults = enabled;  # the sugars know those of the file they are imported from
  enabled = tableOf (if sugars == null then default-sugars else sugars);

  # ---- fewer steps for the same --------------------------------------------------------------------------

  # For desugared infusions only: it flattens lists that are data, too.
  optimize = infusion:
    if isPlain infusion then mapAttrs (_: optimize) infusion
    else if !isList infusion then infusion
    else
      let
        merge = a: b: a // b // mapAttrs (name: _: flatten [ a.${name} b.${name} ]) (intersectAttrs a b);
        last = list: elemAt list (length list - 1);
        init = list: genList (elemAt list) (length list - 1);
        step = done: next:
          if done != [ ] && isPlain next && isPlain (last done)
          then init done ++ [ (merge (last done) next) ]
          else done ++ [ next ];
      in
      map optimize (foldl' step [ ] (flatten infusion));
in
assert elem version [ "2.4" "2.6" ] || throw "there is no version ${version} of infuse here: choose 2.4 or 2.6";
{
  v1 = {
    infuse = target: infusion: infuseWith enabled [ ] infusion target;
    desugar = desugarWith enabled [ ];
    infuse-desugared = target: infusion: apply [ ] (prune infusion) target;
    inherit optimize default-sugars;
  };
}
