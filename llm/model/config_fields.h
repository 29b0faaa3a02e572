// Fields of DecoderConfig by path, so that tables can speak of them.
//
//   SetConfigNumber(&config, "rope.theta", 1e6);
//   ConfigNumber(config, "experts.count");        // 0 when unset
#ifndef STRATA_LLM_MODEL_CONFIG_FIELDS_H_
#define STRATA_LLM_MODEL_CONFIG_FIELDS_H_

#include <string>

#include "llm/model/decoder_config.pb.h"

namespace strata::llm {

enum class FieldKind { kInt, kDouble, kBool };

// The path must be that of an int64, double or bool field: paths come from tables of this program.
FieldKind ConfigFieldKind(const std::string& path);
// Has presence of its own, so that 0 or false is a value: "none" where the architecture has a default.
bool ConfigFieldIsOptional(const std::string& path);
bool HasConfigField(const DecoderConfig& config, const std::string& path);
double ConfigNumber(const DecoderConfig& config, const std::string& path);
void SetConfigNumber(DecoderConfig* config, const std::string& path, double value);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_CONFIG_FIELDS_H_
