# A bundle: a name for several targets. `s6-rc -u change databases` brings them up, `-d` takes them down.
{ six, targets, members ? [ targets.pg ] }:

six.mkBundle {
  name = "databases";
  passthru.after = members;
}
