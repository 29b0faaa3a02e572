// Text protos: parse with line and column in the error, print in one stable form.
#ifndef STRATA_BASE_TEXTPROTO_H_
#define STRATA_BASE_TEXTPROTO_H_

#include <string>

#include "base/status.h"
#include "google/protobuf/message.h"

namespace strata {

// Fills `message` from `text`. INVALID_ARGUMENT names "`where`:line:column" and the parser's complaint.
absl::Status ParseTextProto(const std::string& text, const std::string& where,
                            google::protobuf::Message* message);

// Reads and parses the file at `path`.
absl::Status ReadTextProto(const std::string& path, google::protobuf::Message* message);

// Stable text: fields in declaration order, short repeated primitives on one line.
std::string PrintTextProto(const google::protobuf::Message& message);

// Binary form on disk: deterministic serialisation, written atomically; read with a check of the whole file.
absl::Status WriteBinaryProto(const std::string& path, const google::protobuf::Message& message);
absl::Status ReadBinaryProto(const std::string& path, google::protobuf::Message* message);
std::string SerializeDeterministic(const google::protobuf::Message& message);

}  // namespace strata

#endif  // STRATA_BASE_TEXTPROTO_H_
