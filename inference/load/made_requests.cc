// Requests made by a recipe.
#include <algorithm>
#include <cmath>

#include "inference/load/load_random.h"
#include "inference/load/load_requests.h"

namespace strata::inference {
namespace {

absl::Status AtLeast(absl::string_view name, int64_t value, int64_t least) {
  if (value >= least) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, ": ", value, " is below ", least));
}

std::vector<int32_t> Ids(int64_t count, int64_t vocabulary, LoadRandom* random) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i)
    ids.push_back(static_cast<int32_t>(random->Integer(0, vocabulary - 1)));
  return ids;
}

int64_t Length(int64_t length, double range, LoadRandom* random) {
  const auto mean = static_cast<double>(length);
  const auto least = static_cast<int64_t>(std::floor(mean * (1 - range)));
  const auto most = static_cast<int64_t>(std::ceil(mean * (1 + range)));
  return std::max<int64_t>(1, random->Integer(least, most));
}

std::vector<int32_t> Joined(const std::vector<int32_t>& a, const std::vector<int32_t>& b) {
  std::vector<int32_t> both = a;
  both.insert(both.end(), b.begin(), b.end());
  return both;
}

}  // namespace

absl::StatusOr<std::vector<LoadRequest>> RandomRequests(const RandomRequestOptions& options) {
  STRATA_RETURN_IF_ERROR(AtLeast("requests", options.count, 0));
  STRATA_RETURN_IF_ERROR(AtLeast("input length", options.input_tokens, 1));
  STRATA_RETURN_IF_ERROR(AtLeast("output length", options.output_tokens, 1));
  STRATA_RETURN_IF_ERROR(AtLeast("prefix length", options.prefix_tokens, 0));
  STRATA_RETURN_IF_ERROR(AtLeast("vocabulary", options.vocabulary, 1));
  if (!(options.range >= 0 && options.range < 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("range ratio: ", options.range, " is outside [0, 1)"));
  }
  LoadRandom random(options.seed);
  const std::vector<int32_t> prefix = Ids(options.prefix_tokens, options.vocabulary, &random);
  std::vector<LoadRequest> requests;
  for (int64_t i = 0; i < options.count; ++i) {
    LoadRequest request;
    const int64_t input = Length(options.input_tokens, options.range, &random);
    request.output_tokens = Length(options.output_tokens, options.range, &random);
    request.ids = Joined(prefix, Ids(input, options.vocabulary, &random));
    requests.push_back(std::move(request));
  }
  return requests;
}

absl::StatusOr<std::vector<LoadRequest>> PrefixRequests(const PrefixRequestOptions& options) {
  STRATA_RETURN_IF_ERROR(AtLeast("requests", options.count, 0));
  STRATA_RETURN_IF_ERROR(AtLeast("prefixes", options.prefixes, 1));
  STRATA_RETURN_IF_ERROR(AtLeast("prefix length", options.prefix_tokens, 0));
  STRATA_RETURN_IF_ERROR(AtLeast("suffix length", options.suffix_tokens, 1));
  STRATA_RETURN_IF_ERROR(AtLeast("output length", options.output_tokens, 1));
  STRATA_RETURN_IF_ERROR(AtLeast("vocabulary", options.vocabulary, 1));
  LoadRandom random(options.seed);
  std::vector<std::vector<int32_t>> prefixes;
  for (int64_t i = 0; i < options.prefixes; ++i)
    prefixes.push_back(Ids(options.prefix_tokens, options.vocabulary, &random));
  std::vector<LoadRequest> requests;
  for (int64_t i = 0; i < options.count; ++i) {
    LoadRequest request;
    request.output_tokens = options.output_tokens;
    request.ids = Joined(prefixes[static_cast<size_t>(i % options.prefixes)],
                         Ids(options.suffix_tokens, options.vocabulary, &random));
    requests.push_back(std::move(request));
  }
  random.Shuffle(&requests);
  return requests;
}

}  // namespace strata::inference
