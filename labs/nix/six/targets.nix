# The targets that every system has.
final: {
  # What comes up at boot: `targets.default.__output.passthru.after.__append = [ final.targets.x ];`, or let x
  # say `before = [ final.targets.default ]`.
  default = final.six.mkBundle { name = "default"; };
}
