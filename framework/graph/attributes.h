// Reading and writing a node's attributes.
//
//   node.add_attributes() ... is never written by hand:
//   Attributes attrs = {{"axis", Attr(int64_t{1})}, {"keep_dims", Attr(true)}};
//   AttributeReader(node).Int("axis", /*fallback=*/0);
#ifndef STRATA_FRAMEWORK_GRAPH_ATTRIBUTES_H_
#define STRATA_FRAMEWORK_GRAPH_ATTRIBUTES_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/types.h"

namespace strata::graph {

// Name -> value, sorted as the contract asks.
using Attributes = std::map<std::string, Attribute>;

Attribute Attr(int64_t value);
Attribute Attr(int value);
Attribute Attr(double value);
Attribute Attr(bool value);
Attribute Attr(const char* value);
Attribute Attr(const std::string& value);
Attribute Attr(DType value);
Attribute Attr(const std::vector<int64_t>& values);
Attribute Attr(const std::vector<double>& values);
Attribute Attr(const Shape& values);

void SetAttributes(const Attributes& attributes, Node* node);
Attributes GetAttributes(const Node& node);

// Typed look-ups with a fallback for what is unset. The verifier has checked kinds and required
// ones before.
class AttributeReader {
 public:
  explicit AttributeReader(const google::protobuf::RepeatedPtrField<Attribute>& attributes)
      : attributes_(attributes) {}
  explicit AttributeReader(const Node& node) : attributes_(node.attributes()) {}

  bool Has(absl::string_view name) const { return Find(name) != nullptr; }
  int64_t Int(absl::string_view name, int64_t fallback = 0) const;
  double Float(absl::string_view name, double fallback = 0) const;
  bool Bool(absl::string_view name, bool fallback = false) const;
  std::string String(absl::string_view name, const std::string& fallback = "") const;
  DType Type(absl::string_view name) const;
  std::vector<int64_t> Ints(absl::string_view name) const;
  std::vector<double> Floats(absl::string_view name) const;
  Shape Dims(absl::string_view name) const;

 private:
  const Attribute* Find(absl::string_view name) const;
  const google::protobuf::RepeatedPtrField<Attribute>& attributes_;
};

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_ATTRIBUTES_H_
