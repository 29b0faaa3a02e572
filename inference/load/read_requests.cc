// Requests and traces read from files of JSON lines.
#include <algorithm>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "inference/load/load_random.h"
#include "inference/load/load_requests.h"
#include "nlohmann/json.hpp"

namespace strata::inference {
namespace {

using Json = nlohmann::json;

constexpr int64_t kTraceBlock = 512;  // tokens a hash id stands for
constexpr int64_t kMostTokens = int64_t{1} << 24;

absl::Status Bad(absl::string_view what) { return absl::InvalidArgumentError(what); }

// The integer at `name`, `value` as it was when there is none.
absl::Status ReadInteger(const Json& object, const char* name, int64_t least, int64_t* value) {
  const auto found = object.find(name);
  if (found == object.end()) return absl::OkStatus();
  if (!found->is_number_integer()) return Bad(absl::StrCat(name, ": is not an integer"));
  const int64_t number = found->get<int64_t>();
  if (number < least || number > kMostTokens) {
    return Bad(absl::StrCat(name, ": ", number, " is outside [", least, ", ", kMostTokens, "]"));
  }
  *value = number;
  return absl::OkStatus();
}

// Calls visit(object) for each line that is not blank; errors name the line.
template <typename Visit>
absl::Status ForEachLine(const std::string& path, const Visit& visit) {
  STRATA_ASSIGN_OR_RETURN(const std::string content, ReadFile(path));
  int64_t number = 0;
  for (absl::string_view line : absl::StrSplit(content, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty()) continue;
    const Json object =
        Json::parse(line.data(), line.data() + line.size(), nullptr, /*allow_exceptions=*/false);
    const absl::Status status =
        object.is_object() ? visit(object) : Bad("is not one JSON object a line");
    if (!status.ok()) return Annotate(status, absl::StrCat(path, ":", number));
  }
  return absl::OkStatus();
}

absl::Status ReadIds(const Json& list, std::vector<int32_t>* ids) {
  for (const Json& id : list) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > 0x7fffffff)
      return Bad(absl::StrCat("prompt: ", id.dump(), " is no token id"));
    ids->push_back(id.get<int32_t>());
  }
  return absl::OkStatus();
}

absl::StatusOr<LoadRequest> ReadRequest(const Json& object, int64_t output_tokens) {
  LoadRequest request;
  request.output_tokens = output_tokens;
  const auto prompt = object.find("prompt");
  if (prompt == object.end()) return Bad("prompt: is missing");
  if (prompt->is_string()) {
    request.text = prompt->get<std::string>();
  } else if (prompt->is_array()) {
    STRATA_RETURN_IF_ERROR(ReadIds(*prompt, &request.ids));
  } else {
    return Bad("prompt: is neither a text nor a list of token ids");
  }
  if (request.text.empty() && request.ids.empty()) return Bad("prompt: is empty");
  STRATA_RETURN_IF_ERROR(ReadInteger(object, "output_tokens", 1, &request.output_tokens));
  return request;
}

void AppendIds(int64_t count, int64_t vocabulary, uint64_t seed, std::vector<int32_t>* ids) {
  LoadRandom random(seed);
  for (int64_t i = 0; i < count; ++i)
    ids->push_back(static_cast<int32_t>(random.Integer(0, vocabulary - 1)));
}

struct TraceLine {
  double time = 0;
  LoadRequest request;
};

absl::StatusOr<TraceLine> ReadTraceLine(const Json& object, const RandomRequestOptions& options,
                                        uint64_t line) {
  const auto time = object.find("timestamp");
  if (time == object.end() || !time->is_number())
    return Bad("timestamp: is missing; it is a number of milliseconds");
  TraceLine read;
  read.time = time->get<double>() / 1e3;
  int64_t input = options.input_tokens;
  read.request.output_tokens = options.output_tokens;
  STRATA_RETURN_IF_ERROR(ReadInteger(object, "input_length", 1, &input));
  STRATA_RETURN_IF_ERROR(ReadInteger(object, "output_length", 1, &read.request.output_tokens));
  std::vector<int32_t>& ids = read.request.ids;
  const auto blocks = object.find("hash_ids");
  if (blocks != object.end()) {
    if (!blocks->is_array()) return Bad("hash_ids: is not a list");
    for (const Json& block : *blocks) {
      const int64_t left = input - static_cast<int64_t>(ids.size());
      if (left <= 0) break;
      if (!block.is_number_integer())
        return Bad(absl::StrCat("hash_ids: ", block.dump(), " is not an integer"));
      // A block's tokens follow from its id and the seed; a multiplication spreads neighbouring ids.
      const uint64_t seed = options.seed ^ (block.get<uint64_t>() * 0x9E3779B97F4A7C15u + 1);
      AppendIds(std::min(left, kTraceBlock), options.vocabulary, seed, &ids);
    }
  }
  // What no block covers is new.
  AppendIds(input - static_cast<int64_t>(ids.size()), options.vocabulary,
            options.seed + line * 0xD1B54A32D192ED03u, &ids);
  return read;
}

}  // namespace

absl::StatusOr<std::vector<LoadRequest>> ReadRequests(const std::string& path, int64_t count,
                                                      int64_t output_tokens) {
  std::vector<LoadRequest> read;
  STRATA_RETURN_IF_ERROR(ForEachLine(path, [&](const Json& object) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(LoadRequest request, ReadRequest(object, output_tokens));
    read.push_back(std::move(request));
    return absl::OkStatus();
  }));
  if (read.empty()) return Bad(absl::StrCat(path, ": has no requests"));
  std::vector<LoadRequest> requests;
  for (int64_t i = 0; i < count; ++i)
    requests.push_back(read[static_cast<size_t>(i) % read.size()]);
  return requests;
}

absl::StatusOr<Trace> ReadTrace(const std::string& path, const RandomRequestOptions& options) {
  if (options.vocabulary < 1)
    return Bad(absl::StrCat("vocabulary: ", options.vocabulary, " is below 1"));
  std::vector<TraceLine> lines;
  STRATA_RETURN_IF_ERROR(ForEachLine(path, [&](const Json& object) -> absl::Status {
    if (static_cast<int64_t>(lines.size()) >= options.count) return absl::OkStatus();
    STRATA_ASSIGN_OR_RETURN(TraceLine line, ReadTraceLine(object, options, lines.size() + 1));
    lines.push_back(std::move(line));
    return absl::OkStatus();
  }));
  if (lines.empty()) return Bad(absl::StrCat(path, ": has no requests"));
  std::stable_sort(lines.begin(), lines.end(),
                   [](const TraceLine& a, const TraceLine& b) { return a.time < b.time; });
  Trace trace;
  for (TraceLine& line : lines) {
    trace.times.push_back(line.time - lines.front().time);
    trace.requests.push_back(std::move(line.request));
  }
  return trace;
}

}  // namespace strata::inference
