#include "compiler/driver/shape_guards.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/driver/padding.h"

namespace strata::compiler {
namespace {

absl::Status CheckSpec(const SymbolSpec& spec) {
  if (spec.min < 0 || spec.min > spec.max) {
    return absl::InvalidArgumentError(
        absl::StrCat("no size is in [", spec.min, ", ", spec.max, "]; give 0 <= min <= max"));
  }
  if (spec.multiple_of < 1)
    return absl::InvalidArgumentError(
        absl::StrCat("multiple_of: is ", spec.multiple_of, "; must be 1 or more"));
  if (spec.bucketing != Bucketing::kList) return absl::OkStatus();
  const bool ascending = std::adjacent_find(spec.buckets.begin(), spec.buckets.end(),
                                            std::greater_equal<int64_t>()) == spec.buckets.end();
  if (spec.buckets.empty() || spec.buckets.front() < 1 || !ascending) {
    return absl::InvalidArgumentError(absl::StrCat("buckets: [", absl::StrJoin(spec.buckets, ", "),
                                                   "] must be one or more sizes, ascending"));
  }
  return absl::OkStatus();
}

std::string DescribeBuckets(const SymbolSpec& spec) {
  switch (spec.bucketing) {
    case Bucketing::kPowerOfTwo:
      return spec.multiple_of == 1 ? "next power of two"
                                   : absl::StrCat("next ", spec.multiple_of, " * 2^k");
    case Bucketing::kList:
      return absl::StrCat("next of ", absl::StrJoin(spec.buckets, ", "));
    default:
      return "exact";
  }
}

}  // namespace

absl::StatusOr<ShapeGuards> ShapeGuards::Create(const graph::Graph& graph,
                                                const std::map<std::string, SymbolSpec>& specs) {
  ShapeGuards guards;
  guards.graph_name_ = graph.name();
  for (const graph::Input& input : graph.inputs()) {
    const graph::Value& value = graph.values(static_cast<int>(input.value()));
    guards.inputs_.push_back({value.name(), TypeOf(value)});
    for (const graph::Size& size : guards.inputs_.back().type.shape) {
      if (size.is_symbol()) guards.symbols_[size.symbol()] = {};
    }
  }
  for (const auto& [name, spec] : specs) {
    auto symbol = guards.symbols_.find(name);
    if (symbol == guards.symbols_.end()) {
      return absl::NotFoundError(
          absl::StrCat("graph '", graph.name(), "' has no input with a dim ", name,
                       "; its symbols are: ", absl::StrJoin(guards.Symbols(), ", ")));
    }
    STRATA_RETURN_IF_ERROR(Annotate(CheckSpec(spec), absl::StrCat("symbol ", name)));
    symbol->second.spec = spec;
    if (spec.bucketing == Bucketing::kExact) continue;
    const absl::Status paddable = CheckPaddable(graph, name);
    if (!paddable.ok()) symbol->second.why_exact = std::string(paddable.message());
  }
  return guards;
}

absl::Status ShapeGuards::CheckSize(const std::string& symbol, int64_t size) const {
  const SymbolSpec& spec = symbols_.at(symbol).spec;
  if (size < spec.min)
    return absl::InvalidArgumentError(absl::StrCat("is ", size, "; must be at least ", spec.min));
  if (size > spec.max)
    return absl::InvalidArgumentError(absl::StrCat("is ", size, "; must be at most ", spec.max));
  if (size % spec.multiple_of != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("is ", size, "; must be a multiple of ", spec.multiple_of));
  }
  return absl::OkStatus();
}

absl::StatusOr<SymbolSizes> ShapeGuards::Check(absl::Span<const graph::HostTensor> inputs) const {
  if (inputs.size() != inputs_.size()) {
    return absl::InvalidArgumentError(absl::StrCat("graph '", graph_name_, "' takes ",
                                                   inputs_.size(), " inputs; ", inputs.size(),
                                                   " were given"));
  }
  SymbolSizes sizes;
  std::map<std::string, std::string> first;  // symbol -> where it got its size
  for (size_t i = 0; i < inputs.size(); ++i) {
    const graph::TensorType& type = inputs_[i].type;
    const std::string name = absl::StrCat("input '", inputs_[i].name, "'");
    const auto complaint = [&] {
      return absl::StrCat(name, ": is ", inputs[i].TypeString(), "; the graph asks for ",
                          type.ToString());
    };
    if (inputs[i].dtype() != type.dtype || inputs[i].rank() != type.rank())
      return absl::InvalidArgumentError(complaint());
    for (size_t d = 0; d < type.shape.size(); ++d) {
      const int64_t size = inputs[i].dims()[d];
      if (!type.shape[d].is_symbol()) {
        if (size == type.shape[d].size()) continue;
        return absl::InvalidArgumentError(absl::StrCat(complaint(), " (dim ", d, ")"));
      }
      const std::string& symbol = type.shape[d].symbol();
      const absl::Status fits = CheckSize(symbol, size);
      if (!fits.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat(complaint(), ": dim ", d, " (", symbol, ") ", fits.message()));
      }
      auto [it, fresh] = sizes.emplace(symbol, size);
      if (fresh) first[symbol] = absl::StrCat("dim ", d, " of ", name);
      if (it->second == size) continue;
      return absl::InvalidArgumentError(absl::StrCat(complaint(), ": dim ", d, " (", symbol,
                                                     ") is ", size, ", but ", it->second, " as ",
                                                     first[symbol]));
    }
  }
  return sizes;
}

int64_t ShapeGuards::BucketOf(const std::string& symbol, int64_t size) const {
  const Symbol& s = symbols_.at(symbol);
  if (size == 0 || !s.why_exact.empty()) return size;
  if (s.spec.bucketing == Bucketing::kPowerOfTwo) {
    int64_t bucket = s.spec.multiple_of;
    while (bucket < size && bucket <= s.spec.max / 2) bucket *= 2;
    return bucket < size ? s.spec.max : bucket;
  }
  if (s.spec.bucketing == Bucketing::kList) {
    auto it = std::lower_bound(s.spec.buckets.begin(), s.spec.buckets.end(), size);
    return it == s.spec.buckets.end() ? size : *it;
  }
  return size;
}

std::vector<std::string> ShapeGuards::Symbols() const {
  std::vector<std::string> names;
  for (const auto& [name, symbol] : symbols_) names.push_back(name);
  return names;
}

std::string ShapeGuards::WhyExact(const std::string& symbol) const {
  auto it = symbols_.find(symbol);
  return it == symbols_.end() ? "" : it->second.why_exact;
}

std::string ShapeGuards::ToString() const {
  std::string text;
  for (const auto& [name, symbol] : symbols_) {
    const SymbolSpec& spec = symbol.spec;
    absl::StrAppend(&text, name, ": ", spec.min, " <= ", name);
    if (spec.max != std::numeric_limits<int64_t>::max()) absl::StrAppend(&text, " <= ", spec.max);
    if (spec.multiple_of > 1) absl::StrAppend(&text, ", ", name, " % ", spec.multiple_of, " == 0");
    if (symbol.why_exact.empty()) {
      absl::StrAppend(&text, "; ", DescribeBuckets(spec), "\n");
    } else {
      absl::StrAppend(&text, "; exact: ", symbol.why_exact, "\n");
    }
  }
  return text;
}

}  // namespace strata::compiler
