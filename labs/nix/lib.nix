# The part of nixpkgs' `lib` that infuse.nix asks for, so that the real one runs without nixpkgs:
#
#   (import <infuse.nix> { lib = import ./lib.nix; }).v1.infuse
#
# Names and behaviour are nixpkgs' (lib/trivial.nix, attrsets.nix, lists.nix, strings.nix, generators.nix).
let
  inherit (builtins)
    all any attrNames attrValues concatLists concatMap concatStringsSep elemAt filter foldl' genList hasAttr
    head isAttrs isBool isFloat isInt isList isPath isString length listToAttrs map mapAttrs match
    replaceStrings split stringLength substring tail toJSON typeOf zipAttrsWith;

  lib = {
    inherit
      all any attrNames attrValues concatLists concatMap concatStringsSep elemAt filter foldl' genList hasAttr
      head isAttrs isBool isFloat isInt isList isPath isString length listToAttrs map mapAttrs replaceStrings
      stringLength substring tail typeOf zipAttrsWith;

    id = x: x;
    const = x: _: x;
    flip = f: a: b: f b a;
    pipe = foldl' (x: f: f x);

    isFunction = f: builtins.isFunction f || (f ? __functor && lib.isFunction (f.__functor f));
    functionArgs = f: if f ? __functor then f.__functionArgs or (lib.functionArgs (f.__functor f)) else builtins.functionArgs f;
    isDerivation = value: value.type or null == "derivation";

    nameValuePair = name: value: { inherit name value; };
    attrsToList = set: map (name: lib.nameValuePair name set.${name}) (attrNames set);
    filterAttrs = keep: set: listToAttrs (filter (p: keep p.name p.value) (lib.attrsToList set));
    composeExtensions = f: g: final: prev:
      let applied = f final prev; in applied // g final (prev // applied);

    foldl = f: start: list: if list == [ ] then start else lib.foldl f (f start (head list)) (tail list);
    imap0 = f: list: genList (n: f n (elemAt list n)) (length list);
    flatten = x: if isList x then concatMap lib.flatten x else [ x ];
    toList = x: if isList x then x else [ x ];
    optional = want: x: if want then [ x ] else [ ];
    optionals = want: list: if want then list else [ ];

    optionalString = want: text: if want then text else "";
    hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
    escapeNixIdentifier = name:
      if match "[a-zA-Z_][a-zA-Z0-9_'-]*" name != null then name
      else replaceStrings [ "$" ] [ "\\$" ] (toJSON name);
    showAttrPath = path:
      if path == [ ] then "<root attribute path>" else concatStringsSep "." (map lib.escapeNixIdentifier path);

    generators.toPretty = _: pretty "";
  };

  pretty = indent: v:
    let
      deeper = indent + "  ";
      lines = filter isString (split "\n" (replaceStrings [ "''" "\${" ] [ "'''" "''\${" ] v));
      row = name: "${deeper}${lib.escapeNixIdentifier name} = ${pretty deeper v.${name}};\n";
    in
    if isInt v then toString v
    else if isFloat v then "~${toString v}"
    else if isString v && length lines > 1 then
      "''\n" + concatStringsSep "\n" (map (line: deeper + line) lines) + "''"
    else if isString v then ''"${replaceStrings [ "\\" ''"'' "\${" ] [ "\\\\" ''\"'' "\\\${" ] v}"''
    else if v == true then "true"
    else if v == false then "false"
    else if v == null then "null"
    else if isPath v then toString v
    else if isList v then
      if v == [ ] then "[ ]"
      else "[\n" + concatStringsSep "" (map (x: "${deeper}${pretty deeper x}\n") v) + "${indent}]"
    else if lib.isFunction v then "<function>"
    else if lib.isDerivation v then "<derivation ${v.name or "???"}>"
    else if v == { } then "{ }"
    else "{\n" + concatStringsSep "" (map row (attrNames v)) + "${indent}}";
in
lib
