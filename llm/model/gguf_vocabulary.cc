#include "llm/model/gguf_vocabulary.h"

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace strata::llm {
namespace {

using inference::GgufMetadata;

// The keys that may be missing. The first fault is kept.
class Keys {
 public:
  explicit Keys(const GgufMetadata& metadata) : metadata_(metadata) {}

  void Read(const char* name, std::string* text) {
    Take(
        name, [&](const std::string& key) { return GetText(metadata_, key); }, text);
  }
  void Read(const char* name, std::vector<std::string>* texts) {
    Take(
        name, [&](const std::string& key) { return GetTexts(metadata_, key); }, texts);
  }
  void Read(const char* name, std::optional<bool>* truth) {
    Take(
        name, [&](const std::string& key) { return GetBool(metadata_, key); }, truth);
  }
  void Read(const char* name, std::optional<int32_t>* id) {
    Take(
        name, [&](const std::string& key) { return Id(key); }, id);
  }
  void Read(const char* name, std::vector<float>* scores) {
    std::vector<double> numbers;
    Take(
        name, [&](const std::string& key) { return GetNumbers(metadata_, key); }, &numbers);
    scores->assign(numbers.begin(), numbers.end());
  }
  void Read(const char* name, std::vector<int32_t>* types) {
    std::vector<int64_t> integers;
    Take(
        name, [&](const std::string& key) { return GetIntegers(metadata_, key); }, &integers);
    types->assign(integers.begin(), integers.end());
  }
  // Bytes that some writers give as signed ones.
  void ReadBytes(const char* name, std::string* bytes) {
    std::vector<int64_t> integers;
    Take(
        name, [&](const std::string& key) { return GetIntegers(metadata_, key); }, &integers);
    bytes->assign(integers.begin(), integers.end());
  }
  const absl::Status& status() const { return status_; }

 private:
  template <typename Get, typename T>
  void Take(const char* name, Get get, T* value) {
    const std::string key = absl::StrCat("tokenizer.ggml.", name);
    if (metadata_.count(key) == 0 || !status_.ok()) return;
    auto found = get(key);
    if (found.ok()) {
      *value = *std::move(found);
    } else {
      status_ = found.status();
    }
  }

  absl::StatusOr<int32_t> Id(const std::string& key) const {
    STRATA_ASSIGN_OR_RETURN(const int64_t id, GetInteger(metadata_, key));
    // llama.cpp's "none" is the largest u32 or -1.
    if (id >= -1 && id <= std::numeric_limits<int32_t>::max()) return static_cast<int32_t>(id);
    if (id == std::numeric_limits<uint32_t>::max()) return -1;
    return absl::InvalidArgumentError(absl::StrCat(key, ": ", id, " is no token"));
  }

  const GgufMetadata& metadata_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<GgufTokenizer> GgufVocabulary(const GgufMetadata& metadata) {
  GgufTokenizer vocabulary;
  STRATA_ASSIGN_OR_RETURN(vocabulary.model, GetText(metadata, "tokenizer.ggml.model"));
  STRATA_ASSIGN_OR_RETURN(vocabulary.tokens, GetTexts(metadata, "tokenizer.ggml.tokens"));
  Keys keys(metadata);
  keys.Read("pre", &vocabulary.pre);
  keys.Read("scores", &vocabulary.scores);
  keys.Read("token_type", &vocabulary.token_types);
  keys.Read("merges", &vocabulary.merges);
  keys.Read("bos_token_id", &vocabulary.bos);
  keys.Read("eos_token_id", &vocabulary.eos);
  keys.Read("unknown_token_id", &vocabulary.unknown);
  keys.Read("seperator_token_id", &vocabulary.separator);
  keys.Read("padding_token_id", &vocabulary.padding);
  keys.Read("add_bos_token", &vocabulary.add_bos);
  keys.Read("add_eos_token", &vocabulary.add_eos);
  keys.Read("add_space_prefix", &vocabulary.add_space_prefix);
  keys.Read("remove_extra_whitespaces", &vocabulary.remove_extra_spaces);
  keys.ReadBytes("precompiled_charsmap", &vocabulary.character_map);
  STRATA_RETURN_IF_ERROR(keys.status());
  for (std::optional<int32_t>* id : {&vocabulary.bos, &vocabulary.eos, &vocabulary.unknown,
                                     &vocabulary.separator, &vocabulary.padding}) {
    if (*id == -1) id->reset();
  }
  return vocabulary;
}

}  // namespace strata::llm
