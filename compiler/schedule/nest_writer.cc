// The structure of the text: loops, cases, scopes.
#include "compiler/schedule/nest_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/schedule/text.h"
#include "compiler/schedule/tree.h"

namespace strata::compiler::schedule {
namespace {

const char* CType(DType dtype) { return dtype == chips::BF16 ? "unsigned short" : "float"; }

bool Touches(const Node& nest, const std::string& buffer) {
  bool touches = false;
  ForEachStatement({nest}, [&](const Statement& statement) {
    ForEachAccess(statement,
                  [&](const Access& a, bool) { touches = touches || a.buffer == buffer; });
  });
  return touches;
}

void ForEachCondition(const Statement& statement, const std::function<void(const Affine&)>& visit) {
  for (const Condition& condition : statement.where) visit(condition.value);
  ForEachLoad(statement.value, [&](const Expr& load) {
    for (const Condition& condition : load.inside) visit(condition.value);
  });
}

// "4 * i <= 12" for fixed >= at.
std::string TestText(const Affine& fixed, int64_t at,
                     const std::function<std::string(const Affine&)>& text) {
  const bool falls =
      !fixed.terms().empty() && std::all_of(fixed.terms().begin(), fixed.terms().end(),
                                            [](const auto& t) { return t.second < 0; });
  if (falls)
    return absl::StrCat(text((fixed - fixed.constant()) * -1), " <= ", fixed.constant() - at);
  return absl::StrCat(text(fixed - fixed.constant()), " >= ", at - fixed.constant());
}

}  // namespace

NestWriter::NestWriter(const Program& program, const Node& nest,
                       const std::vector<std::string>& arguments)
    : program_(program), nest_(nest), arguments_(arguments), extents_(ExtentsOf(program)) {
  FindVariables(nest);
  if (!nest.is_loop || nest.loop.with.empty()) return;
  absl::StatusOr<Sharing> sharing = SharingOf(nest.loop);
  if (sharing.ok()) sharing_ = *std::move(sharing);  // as Validate() has found
  shared_loop_ = nest.loop.name;
}

std::string NestWriter::Run() {
  DeclareLocals();
  Top(nest_);
  return std::move(text_);
}

void NestWriter::Line(const std::string& line) {
  absl::StrAppend(&text_, std::string(static_cast<size_t>(2 * depth_), ' '), line, "\n");
}
void NestWriter::Open(const std::string& line) {
  Line(line);
  ++depth_;
}
void NestWriter::Close(const std::string& line) {
  --depth_;
  Line(line);
}

std::string NestWriter::Capture(const std::function<void()>& write) {
  std::string saved = std::move(text_);
  text_.clear();
  write();
  std::swap(saved, text_);
  return saved;
}

void NestWriter::DeclareLocals() {
  for (const Buffer& buffer : program_.buffers) {
    if (!Touches(nest_, buffer.name)) continue;
    if (IsArgument(buffer.scope)) {
      const auto position =
          std::find(arguments_.begin(), arguments_.end(), buffer.name) - arguments_.begin();
      const std::string type =
          absl::StrCat(buffer.scope == Scope::kInput ? "const " : "", CType(buffer.dtype), "*");
      Line(absl::StrCat(type, " ", buffer.name, " = (", type, ")buffers[", position, "];"));
    } else if (IsVariable(buffer.name)) {
      DeclareVariables(buffer);
    } else {
      const int64_t elements = std::max<int64_t>(buffer.elements(), 1);
      stack_bytes_ += elements * static_cast<int64_t>(chips::SizeOf(buffer.dtype));
      Line(absl::StrCat(CType(buffer.dtype), " ", buffer.name, "[", elements,
                        "] __attribute__((aligned(64)));  // [", absl::StrJoin(buffer.dims, ", "),
                        "]"));
    }
  }
}

void NestWriter::Top(const Node& nest) {
  if (!nest.is_loop || nest.loop.kind != LoopKind::kParallel) {
    Open("for (long once = begin; once < end; ++once) {");
    Body({nest});
    return Close();
  }
  const Loop& loop = nest.loop;
  const std::string step =
      sharing_ ? absl::StrCat(loop.name, " += ", sharing_->block) : absl::StrCat("++", loop.name);
  Open(absl::StrCat("for (long ", loop.name, " = begin; ", loop.name, " < end; ", step, ") {"));
  for (const Dim& dim : loop.dims) loops_[dim.index] = dim.extent;
  if (loop.dims.size() > 1) {
    int64_t inner = 1;
    for (size_t d = loop.dims.size(); d-- > 0;) {
      const std::string quotient = inner == 1 ? loop.name : absl::StrCat(loop.name, " / ", inner);
      Line(absl::StrCat("const long ", loop.dims[d].index, " = ",
                        d == 0 ? quotient : absl::StrCat(quotient, " % ", loop.dims[d].extent),
                        ";"));
      inner *= loop.dims[d].extent;
    }
  }
  Body(loop.body);
  Close();
}

// ---- cases

bool NestWriter::IsWritten(const Loop& loop) const {
  if (!loop.intrinsic.empty() && loop.kind != LoopKind::kSerial) return true;
  if (loop.kind == LoopKind::kSerial && loop.extent() == 1) return true;
  if (loop.kind == LoopKind::kVector)
    return loop.extent() <= kMaxWrittenVector && CanBeVector(loop);
  return loop.kind == LoopKind::kUnrolled;
}

void NestWriter::FindConditions(const Node& node, int serial, std::set<std::string>* written,
                                std::vector<Found>* found) const {
  if (node.is_loop) {
    const bool is_written = IsWritten(node.loop);
    const std::set<std::string> indices = IndicesOf(node.loop);
    if (is_written) written->insert(indices.begin(), indices.end());
    for (const Node& inner : node.loop.body)
      FindConditions(inner, serial + !is_written, written, found);
    for (const std::string& index : indices) written->erase(index);
    return;
  }
  ForEachCondition(node.statement, [&](const Affine& condition) {
    if (facts_.Find(condition) != nullptr) return;
    bool moves = false;
    for (const auto& [name, coefficient] : condition.terms()) {
      const bool fixed = constants_.count(name) > 0 || loops_.count(name) > 0;
      if (!fixed && written->count(name) == 0) return;
      moves = moves || !fixed;
    }
    found->push_back({condition, serial, moves});
  });
}

// A tile's case is told around the loop over its reduction, a condition of single iterations where it stands.
std::optional<Affine> NestWriter::Testable(const Node& node) const {
  std::set<std::string> written;
  std::vector<Found> found;
  FindConditions(node, 0, &written, &found);
  for (const bool moves : {true, false}) {
    for (const Found& candidate : found) {
      if (candidate.moves != moves) continue;
      int deepest = 0;
      for (const Found& other : found) {
        if (IsSameTest(other.condition, candidate.condition))
          deepest = std::max(deepest, other.serial);
      }
      if (deepest <= (moves ? 1 : 0)) return candidate.condition;
    }
  }
  return std::nullopt;
}

// The same number decides both: they differ in the names of loops that are written out.
bool NestWriter::IsSameTest(const Affine& a, const Affine& b) const {
  if (a == b || a * -1 - 1 == b) return true;
  const Cases x = CasesOf(a, constants_, loops_, extents_),
              y = CasesOf(b, constants_, loops_, extents_);
  return x.fixed == y.fixed && x.moving.low == y.moving.low && x.moving.high == y.moving.high;
}

// The conditions of the node that `condition` decides, each once.
std::vector<Affine> NestWriter::DecidedBy(const Affine& condition, const Node& node) const {
  std::set<std::string> written;
  std::vector<Found> found;
  FindConditions(node, 0, &written, &found);
  std::vector<Affine> decided;
  for (const Found& other : found) {
    if (!IsSameTest(other.condition, condition)) continue;
    if (std::find(decided.begin(), decided.end(), other.condition) == decided.end())
      decided.push_back(other.condition);
  }
  return decided;
}

void NestWriter::Body(const std::vector<Node>& nodes) {
  for (size_t i = 0; i < nodes.size(); ++i) {
    const std::optional<Affine> condition = Testable(nodes[i]);
    if (!condition.has_value()) {
      Write(nodes[i]);
      continue;
    }
    size_t stop = i + 1;
    while (stop < nodes.size() && !DecidedBy(*condition, nodes[stop]).empty()) ++stop;
    Switch(*condition, nodes, i, stop);
    i = stop - 1;
  }
}

void NestWriter::Switch(const Affine& condition, const std::vector<Node>& nodes, size_t begin,
                        size_t end) {
  const Cases cases = CasesOf(condition, constants_, loops_, extents_);
  const std::vector<Node> part(nodes.begin() + static_cast<std::ptrdiff_t>(begin),
                               nodes.begin() + static_cast<std::ptrdiff_t>(end));
  std::vector<Affine> decided;
  for (const Node& node : part) {
    for (const Affine& other : DecidedBy(condition, node)) decided.push_back(other);
  }
  struct Branch {
    std::string test, text;
  };
  std::vector<Branch> branches;
  const int choices = cases.can_hold + cases.can_part + cases.can_fail;
  const auto add = [&](int64_t at, Fact::Kind kind, int64_t fixed) {
    const size_t mark = facts_.Mark();
    facts_.Add(condition, {kind, fixed, cases.part.moving});
    for (const Affine& other : decided) {
      if (facts_.Find(other) != nullptr) continue;
      facts_.Add(other, {kind, fixed, CasesOf(other, constants_, loops_, extents_).part.moving});
    }
    const auto saved = temporaries_;
    depth_ += choices > 1;
    std::string text = Capture([&] { Body(part); });
    depth_ -= choices > 1;
    temporaries_ = saved;
    facts_.Release(mark);
    const auto index_text = [this](const Affine& affine) { return IndexText(affine); };
    branches.push_back({TestText(cases.fixed, at, index_text), std::move(text)});
  };
  if (cases.can_hold) add(-cases.moving.low, Fact::Kind::kTrue, 0);
  if (cases.can_part) add(-cases.moving.high, cases.part.kind, cases.part.fixed);
  if (cases.can_fail) add(0, Fact::Kind::kFalse, 0);
  for (const Node& node : part) {
    ForEachStatement({node}, [&](const Statement& statement) { Forget(statement.target.buffer); });
  }
  if (choices == 1) {
    text_ += branches[0].text;
    return;
  }
  if (std::all_of(branches.begin(), branches.end(), [](const Branch& b) { return b.text.empty(); }))
    return;
  std::string opening = "if (";
  for (size_t i = 0; i < branches.size(); ++i) {
    const bool last = i + 1 == branches.size();
    if (last && branches[i].text.empty()) break;
    Line(last ? "} else {" : absl::StrCat(opening, branches[i].test, ") {"));
    text_ += branches[i].text;
    opening = "} else if (";
  }
  Line("}");
}

// ---- loops

void NestWriter::Write(const Node& node) {
  if (!node.is_loop) return ScalarStatement(node.statement);
  WriteLoop(node.loop);
}

void NestWriter::WriteLoop(const Loop& loop) {
  if (loop.extent() == 0) return;
  if (loop.intrinsic == "dot_bf16" && loop.kind == LoopKind::kVector) return DotBf16(loop);
  if (loop.intrinsic == "interleave" && loop.kind == LoopKind::kVector) return InterleaveBf16(loop);
  if (loop.intrinsic == "transpose" && loop.kind == LoopKind::kUnrolled) return Transpose(loop);
  if (loop.kind == LoopKind::kUnrolled || loop.extent() == 1) return WrittenOut(loop, 0);
  if (loop.kind == LoopKind::kVector && CanBeVector(loop)) return VectorLoop(loop);
  SerialLoop(loop);
}

void NestWriter::WrittenOut(const Loop& loop, size_t dim) {
  if (dim == loop.dims.size()) {
    const size_t mark = facts_.Mark();
    Body(loop.body);
    return facts_.Release(mark);
  }
  for (int64_t value = 0; value < loop.dims[dim].extent; ++value) {
    constants_[loop.dims[dim].index] = value;
    WrittenOut(loop, dim + 1);
  }
  constants_.erase(loop.dims[dim].index);
}

// "19", or "(x < 19 ? x : 19)" where a condition of all statements ends the loop earlier.
std::string NestWriter::Bound(const Loop& loop, std::vector<Affine>* implied) const {
  const Dim& dim = loop.dims[0];
  std::string bound = absl::StrCat(dim.extent);
  std::vector<Affine> candidates;
  bool is_first = true;
  ForEachStatement(loop.body, [&](const Statement& statement) {
    std::vector<Affine> here;
    for (const Condition& condition : statement.where) {
      const Affine& value = condition.value;
      bool fits = value.Coefficient(dim.index) == -1 && facts_.Find(value) == nullptr;
      for (const auto& term : value.terms()) {
        fits = fits && (term.first == dim.index || loops_.count(term.first) > 0 ||
                        constants_.count(term.first) > 0);
      }
      if (fits && (is_first ||
                   std::find(candidates.begin(), candidates.end(), value) != candidates.end())) {
        here.push_back(value);
      }
    }
    candidates = std::move(here);
    is_first = false;
  });
  if (sharing_ && sharing_->loops.count(dim.index) > 0)
    bound = absl::StrCat("l_min(end - ", shared_loop_, ", ", bound, ")");
  for (const Affine& value : candidates) {
    const Affine limit = PutConstants(value + Affine::Index(dim.index)) + 1;
    implied->push_back(value);
    if (limit.Range(loops_).low >= dim.extent) continue;
    bound = absl::StrCat("l_min(", IndexText(limit), ", ", bound, ")");
  }
  return bound;
}

void NestWriter::SerialLoop(const Loop& loop) {
  if (loop.dims.size() > 1) {  // a fused loop that is not the parallel one
    std::vector<Node> body = loop.body;
    for (size_t d = loop.dims.size(); d-- > 0;) {
      Loop one;
      one.name = loop.dims[d].index;
      one.dims = {loop.dims[d]};
      one.body = std::move(body);
      body = {Node::Of(std::move(one))};
    }
    return SerialLoop(body[0].loop);
  }
  const std::string& name = loop.name;
  std::vector<Affine> implied;
  const std::string bound = Bound(loop, &implied);
  ForEachStatement(loop.body, [&](const Statement& statement) { Forget(statement.target.buffer); });
  const size_t mark = facts_.Mark();
  for (const Affine& condition : implied) facts_.Add(condition, {Fact::Kind::kTrue, 0, {}});
  const auto saved = temporaries_;
  loops_[name] = loop.dims[0].extent;
  ++depth_;
  const std::string body = Capture([&] { Body(loop.body); });
  --depth_;
  loops_.erase(name);
  temporaries_ = saved;
  facts_.Release(mark);
  if (body.empty()) return;
  const bool is_number = absl::ascii_isdigit(static_cast<unsigned char>(bound[0]));
  Line(absl::StrCat("for (long ", name, " = 0",
                    is_number ? "" : absl::StrCat(", end_", name, " = ", bound), "; ", name, " < ",
                    is_number ? bound : absl::StrCat("end_", name), "; ++", name, ") {"));
  text_ += body;
  Line("}");
}

}  // namespace strata::compiler::schedule
