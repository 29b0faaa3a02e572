// What a model has beside its weights: a Hugging Face folder's small files, and the metadata of a GGUF file that says the
// same. A folder's files are kept in GGUF's metadata whole (tokenizer.json under the format's own key,
// "tokenizer.huggingface.json"; the others under "strata.file.<name>"), so that they come back byte for byte; files from
// elsewhere have them made from the metadata.
#ifndef STRATA_LLM_CONVERT_SIDE_FILES_H_
#define STRATA_LLM_CONVERT_SIDE_FILES_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "inference/import/gguf_value.h"
#include "llm/model/decoder_config.pb.h"

namespace strata::llm {

// Metadata of the folder's tokenizer, chat template and files. `vocab_size` is the model's: the list of tokens is filled
// up to it. Without a tokenizer.json there is no tokenizer in the file. `notes`, unless null, gets what GGUF's own keys
// cannot say and only the kept file does.
absl::StatusOr<inference::GgufMetadata> MetadataOfFolder(const std::string& folder,
                                                         int64_t vocab_size,
                                                         std::vector<std::string>* notes = nullptr);

// Writes config.json, tokenizer.json, tokenizer_config.json, generation_config.json ... into the folder; gives the paths.
// A kept config.json is taken when it says what `config` (of Hugging Face's layout) says; else one is made.
absl::StatusOr<std::vector<std::string>> WriteSideFiles(const std::string& folder,
                                                        const DecoderConfig& config,
                                                        const inference::GgufMetadata& metadata);

// From folder to folder, as they are.
absl::StatusOr<std::vector<std::string>> CopySideFiles(const std::string& from,
                                                       const std::string& to);

}  // namespace strata::llm

#endif  // STRATA_LLM_CONVERT_SIDE_FILES_H_
