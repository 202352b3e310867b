"""The flow core: Step, Node, Pipeline, Manifest, execute. It knows the place and no word of the domain."""
