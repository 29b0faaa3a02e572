#include "llm/model/config_fields.h"

#include <cassert>
#include <utility>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace strata::llm {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// The message that holds the path's last field, and that field.
template <typename Step>
const FieldDescriptor* Walk(const std::string& path, Step step) {
  const google::protobuf::Descriptor* type = DecoderConfig::descriptor();
  size_t begin = 0;
  while (true) {
    const size_t dot = path.find('.', begin);
    const FieldDescriptor* field = type->FindFieldByName(path.substr(begin, dot - begin));
    assert(field != nullptr);
    if (dot == std::string::npos) return field;
    step(field);
    type = field->message_type();
    begin = dot + 1;
  }
}

std::pair<const Message*, const FieldDescriptor*> Find(const DecoderConfig& config,
                                                       const std::string& path) {
  const Message* at = &config;
  const FieldDescriptor* field = Walk(path, [&](const FieldDescriptor* inner) {
    at = &at->GetReflection()->GetMessage(*at, inner);
  });
  return {at, field};
}

}  // namespace

FieldKind ConfigFieldKind(const std::string& path) {
  switch (Walk(path, [](const FieldDescriptor*) {})->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return FieldKind::kBool;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return FieldKind::kDouble;
    default:
      return FieldKind::kInt;
  }
}

bool ConfigFieldIsOptional(const std::string& path) {
  return Walk(path, [](const FieldDescriptor*) {})->has_presence();
}

bool HasConfigField(const DecoderConfig& config, const std::string& path) {
  const auto [message, field] = Find(config, path);
  return message->GetReflection()->HasField(*message, field);
}

double ConfigNumber(const DecoderConfig& config, const std::string& path) {
  const auto [message, field] = Find(config, path);
  const google::protobuf::Reflection* reflection = message->GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->GetBool(*message, field) ? 1 : 0;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection->GetDouble(*message, field);
    default:
      return static_cast<double>(reflection->GetInt64(*message, field));
  }
}

void SetConfigNumber(DecoderConfig* config, const std::string& path, double value) {
  Message* at = config;
  const FieldDescriptor* field = Walk(path, [&](const FieldDescriptor* inner) {
    at = at->GetReflection()->MutableMessage(at, inner);
  });
  const google::protobuf::Reflection* reflection = at->GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      reflection->SetBool(at, field, value != 0);
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      reflection->SetDouble(at, field, value);
      break;
    default:
      reflection->SetInt64(at, field, static_cast<int64_t>(value));
  }
}

}  // namespace strata::llm
