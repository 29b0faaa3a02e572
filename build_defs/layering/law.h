// The law of the house: which folder may depend on which.
//
//   courses(6) > llm(5) > {inference, distributed}(4) > compiler(3) > framework(2) > chips(1) >
//   base(0)
//
// An edge may stay in its layer or go down. It may not go up, nor across between two layers of one
// floor. inference/bench wires models, engine and server together and stands beside courses. The
// command's folder (cli) and the root package are the top: they may use all below, and
// no layer may use them. Some third-party libraries are seen in a few folders only, and every one
// of them through //third_party.
//
//   if (std::optional<std::string> why = BrokenBy(Edge{"//chips:a", "//compiler:b"})) ...
//
// Pure functions of their arguments: safe on any thread.
#ifndef STRATA_BUILD_DEFS_LAYERING_LAW_H_
#define STRATA_BUILD_DEFS_LAYERING_LAW_H_

#include <optional>
#include <string>

namespace strata::layering {

// Target `from` depends on target `to`: absolute labels, such as "//chips/spec:chip_proto".
struct Edge {
  std::string from;
  std::string to;
};

// Source `file` (relative to the root) includes `header` (as written between <> or "").
struct Include {
  std::string file;
  std::string header;
};

// Why this breaks the law; nullopt when it does not.
std::optional<std::string> BrokenBy(const Edge& edge);
std::optional<std::string> BrokenBy(const Include& include);

}  // namespace strata::layering

#endif  // STRATA_BUILD_DEFS_LAYERING_LAW_H_
