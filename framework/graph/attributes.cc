#include "framework/graph/attributes.h"

namespace strata::graph {

Attribute Attr(int64_t value) {
  Attribute attribute;
  attribute.set_i(value);
  return attribute;
}
Attribute Attr(int value) { return Attr(static_cast<int64_t>(value)); }
Attribute Attr(double value) {
  Attribute attribute;
  attribute.set_f(value);
  return attribute;
}
Attribute Attr(bool value) {
  Attribute attribute;
  attribute.set_b(value);
  return attribute;
}
Attribute Attr(const char* value) { return Attr(std::string(value)); }
Attribute Attr(const std::string& value) {
  Attribute attribute;
  attribute.set_s(value);
  return attribute;
}
Attribute Attr(DType value) {
  Attribute attribute;
  attribute.set_dtype(value);
  return attribute;
}
Attribute Attr(const std::vector<int64_t>& values) {
  Attribute attribute;
  attribute.mutable_ints()->mutable_values()->Add(values.begin(), values.end());
  return attribute;
}
Attribute Attr(const std::vector<double>& values) {
  Attribute attribute;
  attribute.mutable_floats()->mutable_values()->Add(values.begin(), values.end());
  return attribute;
}
Attribute Attr(const Shape& values) {
  Attribute attribute;
  DimList* list = attribute.mutable_dims();
  for (const Size& size : values) *list->add_values() = ToProto(size);
  return attribute;
}

void SetAttributes(const Attributes& attributes, Node* node) {
  node->clear_attributes();
  for (const auto& [name, value] : attributes) {
    Attribute* attribute = node->add_attributes();
    *attribute = value;
    attribute->set_name(name);
  }
}

Attributes GetAttributes(const Node& node) {
  Attributes attributes;
  for (const Attribute& attribute : node.attributes()) attributes[attribute.name()] = attribute;
  return attributes;
}

const Attribute* AttributeReader::Find(absl::string_view name) const {
  for (const Attribute& attribute : attributes_) {
    if (name == attribute.name()) return &attribute;
  }
  return nullptr;
}

int64_t AttributeReader::Int(absl::string_view name, int64_t fallback) const {
  const Attribute* attribute = Find(name);
  return attribute == nullptr ? fallback : attribute->i();
}

double AttributeReader::Float(absl::string_view name, double fallback) const {
  const Attribute* attribute = Find(name);
  return attribute == nullptr ? fallback : attribute->f();
}

bool AttributeReader::Bool(absl::string_view name, bool fallback) const {
  const Attribute* attribute = Find(name);
  return attribute == nullptr ? fallback : attribute->b();
}

std::string AttributeReader::String(absl::string_view name, const std::string& fallback) const {
  const Attribute* attribute = Find(name);
  return attribute == nullptr ? fallback : attribute->s();
}

DType AttributeReader::Type(absl::string_view name) const {
  const Attribute* attribute = Find(name);
  return attribute == nullptr ? chips::DTYPE_UNSPECIFIED : attribute->dtype();
}

std::vector<int64_t> AttributeReader::Ints(absl::string_view name) const {
  const Attribute* attribute = Find(name);
  if (attribute == nullptr) return {};
  return {attribute->ints().values().begin(), attribute->ints().values().end()};
}

std::vector<double> AttributeReader::Floats(absl::string_view name) const {
  const Attribute* attribute = Find(name);
  if (attribute == nullptr) return {};
  return {attribute->floats().values().begin(), attribute->floats().values().end()};
}

Shape AttributeReader::Dims(absl::string_view name) const {
  const Attribute* attribute = Find(name);
  Shape shape;
  if (attribute == nullptr) return shape;
  for (const Dim& dim : attribute->dims().values()) shape.push_back(FromProto(dim));
  return shape;
}

}  // namespace strata::graph
