//! The HTTP face: routes, limits, errors. Handlers call one function of `decision_support` and do nothing else.
