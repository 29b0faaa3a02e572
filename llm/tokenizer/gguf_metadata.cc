#include "llm/tokenizer/gguf_metadata.h"

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"

namespace strata::llm {
namespace {

using inference::GgufArray;
using inference::GgufMetadata;

// A field of bytes, which the file has as a list of numbers.
struct BytesField {
  std::string GgufTokenizer::*bytes;
};

using Field =
    std::variant<std::string GgufTokenizer::*, BytesField,
                 std::vector<std::string> GgufTokenizer::*, std::vector<float> GgufTokenizer::*,
                 std::vector<int32_t> GgufTokenizer::*, std::optional<int32_t> GgufTokenizer::*,
                 std::optional<bool> GgufTokenizer::*>;

struct Row {
  const char* name;  // after "tokenizer.ggml."
  Field field;
};

const Row kRows[] = {
    {"model", &GgufTokenizer::model},
    {"pre", &GgufTokenizer::pre},
    {"tokens", &GgufTokenizer::tokens},
    {"scores", &GgufTokenizer::scores},
    {"token_type", &GgufTokenizer::token_types},
    {"merges", &GgufTokenizer::merges},
    {"bos_token_id", &GgufTokenizer::bos},
    {"eos_token_id", &GgufTokenizer::eos},
    {"eot_token_id", &GgufTokenizer::eot},
    {"unknown_token_id", &GgufTokenizer::unknown},
    {"seperator_token_id", &GgufTokenizer::separator},
    {"padding_token_id", &GgufTokenizer::padding},
    {"add_bos_token", &GgufTokenizer::add_bos},
    {"add_eos_token", &GgufTokenizer::add_eos},
    {"add_space_prefix", &GgufTokenizer::add_space_prefix},
    {"remove_extra_whitespaces", &GgufTokenizer::remove_extra_spaces},
    {"precompiled_charsmap", BytesField{&GgufTokenizer::character_map}},
};

std::string KeyOf(const Row& row) { return absl::StrCat("tokenizer.ggml.", row.name); }

// Takes the value of `key`, which is there.
struct ReadField {
  const GgufMetadata& metadata;
  const std::string& key;
  GgufTokenizer* tokenizer;

  absl::Status operator()(std::string GgufTokenizer::*field) const {
    STRATA_ASSIGN_OR_RETURN(tokenizer->*field, GetText(metadata, key));
    return absl::OkStatus();
  }
  absl::Status operator()(BytesField field) const {
    // Some writers give signed ones.
    STRATA_ASSIGN_OR_RETURN(const std::vector<int64_t> bytes, GetIntegers(metadata, key));
    (tokenizer->*field.bytes).assign(bytes.begin(), bytes.end());
    return absl::OkStatus();
  }
  absl::Status operator()(std::vector<std::string> GgufTokenizer::*field) const {
    STRATA_ASSIGN_OR_RETURN(tokenizer->*field, GetTexts(metadata, key));
    return absl::OkStatus();
  }
  absl::Status operator()(std::vector<float> GgufTokenizer::*field) const {
    STRATA_ASSIGN_OR_RETURN(const std::vector<double> numbers, GetNumbers(metadata, key));
    (tokenizer->*field).assign(numbers.begin(), numbers.end());
    return absl::OkStatus();
  }
  absl::Status operator()(std::vector<int32_t> GgufTokenizer::*field) const {
    STRATA_ASSIGN_OR_RETURN(const std::vector<int64_t> numbers, GetIntegers(metadata, key));
    (tokenizer->*field).assign(numbers.begin(), numbers.end());
    return absl::OkStatus();
  }
  absl::Status operator()(std::optional<int32_t> GgufTokenizer::*field) const {
    STRATA_ASSIGN_OR_RETURN(const int64_t id, GetInteger(metadata, key));
    // llama.cpp's "none" is the largest u32 or -1.
    if (id == -1 || id == std::numeric_limits<uint32_t>::max()) return absl::OkStatus();
    if (id < 0 || id > std::numeric_limits<int32_t>::max())
      return absl::InvalidArgumentError(absl::StrCat(key, ": ", id, " is no token"));
    tokenizer->*field = static_cast<int32_t>(id);
    return absl::OkStatus();
  }
  absl::Status operator()(std::optional<bool> GgufTokenizer::*field) const {
    STRATA_ASSIGN_OR_RETURN(tokenizer->*field, GetBool(metadata, key));
    return absl::OkStatus();
  }
};

// Enters the field under `key` when there is something in it.
struct WriteField {
  const GgufTokenizer& tokenizer;
  const std::string& key;
  GgufMetadata* metadata;

  void operator()(std::string GgufTokenizer::*field) const {
    if (!(tokenizer.*field).empty()) (*metadata)[key] = tokenizer.*field;
  }
  void operator()(BytesField field) const {
    const std::string& bytes = tokenizer.*field.bytes;
    if (!bytes.empty())
      (*metadata)[key] = GgufArray::Of(std::vector<uint8_t>(bytes.begin(), bytes.end()));
  }
  template <typename T>
  void operator()(std::vector<T> GgufTokenizer::*field) const {
    if (!(tokenizer.*field).empty()) (*metadata)[key] = GgufArray::Of(tokenizer.*field);
  }
  void operator()(std::optional<int32_t> GgufTokenizer::*field) const {
    if ((tokenizer.*field).has_value())
      (*metadata)[key] = static_cast<uint32_t>(*(tokenizer.*field));
  }
  void operator()(std::optional<bool> GgufTokenizer::*field) const {
    if ((tokenizer.*field).has_value()) (*metadata)[key] = *(tokenizer.*field);
  }
};

}  // namespace

absl::StatusOr<GgufTokenizer> GgufTokenizerOf(const GgufMetadata& metadata) {
  GgufTokenizer tokenizer;
  for (const Row& row : kRows) {
    const std::string key = KeyOf(row);
    if (metadata.count(key) == 0) continue;
    STRATA_RETURN_IF_ERROR(std::visit(ReadField{metadata, key, &tokenizer}, row.field));
  }
  return tokenizer;
}

GgufMetadata GgufEntriesOf(const GgufTokenizer& tokenizer) {
  GgufMetadata metadata;
  for (const Row& row : kRows) {
    const std::string key = KeyOf(row);
    std::visit(WriteField{tokenizer, key, &metadata}, row.field);
  }
  return metadata;
}

}  // namespace strata::llm
