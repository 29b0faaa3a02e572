// What ToolCallParser should find, found slowly: the whole text at once, by trying at each place whether calls are
// written there, and for each object whether the JSON library takes it up to each brace. For tests.
#ifndef STRATA_INFERENCE_SERVER_TOOL_CALL_ORACLE_H_
#define STRATA_INFERENCE_SERVER_TOOL_CALL_ORACLE_H_

#include <string>
#include <vector>

#include "inference/server/tool_call_format.h"

namespace strata::inference {

struct OracleAnswer {
  std::string content;
  std::vector<std::string> calls;  // name(arguments), and #id where there is one
};

OracleAnswer OracleParse(const ToolCallFormat& format, const std::vector<std::string>& names,
                         const std::string& text);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_TOOL_CALL_ORACLE_H_
