// NestWriter: the C text of one top-level nest. What EmitC() is made of; see there for what the text looks like.
#ifndef STRATA_COMPILER_SCHEDULE_NEST_WRITER_H_
#define STRATA_COMPILER_SCHEDULE_NEST_WRITER_H_

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compiler/schedule/guards.h"
#include "compiler/schedule/program.h"
#include "compiler/schedule/sharing.h"

namespace strata::compiler::schedule {

// Vector loops of at most this many iterations are written out.
inline constexpr int64_t kMaxWrittenVector = 8 * kLanes;

class NestWriter {
 public:
  // `arguments`: names of the buffers that the function is called with, in its order.
  NestWriter(const Program& program, const Node& nest, const std::vector<std::string>& arguments);

  // The body of the function, from the declarations of its arrays on.
  std::string Run();
  int64_t stack_bytes() const { return stack_bytes_; }
  // Of the parallel loop.
  int64_t parallel_extent() const { return sharing_ ? sharing_->extent : nest_.loop.extent(); }

 private:
  // How many of 16 lanes a condition leaves: a number, or C text where it is known only at run time.
  struct Lanes {
    int64_t count = kLanes;
    std::string text;  // "" : count
    bool full() const { return text.empty() && count == kLanes; }
    bool none() const { return text.empty() && count == 0; }
    std::string Text() const;
  };
  // What conditions come to where a statement stands.
  struct Verdict {
    bool holds = true;               // else it never does, here
    std::vector<std::string> tests;  // C conditions left
    Lanes lanes;
  };
  struct Value {
    std::string text;
    bool vector = false;
  };
  // Where a vector statement stands: the lane index and what number it has in lane 0.
  struct LanePlace {
    std::string index;
    bool written = true;  // constants_[index] is lane 0's; else the C variable of that name is
  };

  // ---- text
  void Line(const std::string& line);
  void Open(const std::string& line);
  void Close(const std::string& line = "}");
  std::string Capture(const std::function<void()>& write);

  // ---- structure (nest_writer.cc)
  void DeclareLocals();
  void Top(const Node& nest);
  void Body(const std::vector<Node>& nodes);
  void Switch(const Affine& condition, const std::vector<Node>& nodes, size_t begin, size_t end);
  void Write(const Node& node);
  void WriteLoop(const Loop& loop);
  void SerialLoop(const Loop& loop);
  void WrittenOut(const Loop& loop, size_t dim);
  std::string Bound(const Loop& loop, std::vector<Affine>* implied) const;
  // A condition of which nothing is known yet and whose loops inside of the node are all written out.
  struct Found {
    Affine condition;
    int serial = 0;      // loops around it in the node that run
    bool moves = false;  // loops that are written out decide it too
  };
  void FindConditions(const Node& node, int serial, std::set<std::string>* written,
                      std::vector<Found>* found) const;
  // One that is tested here.
  std::optional<Affine> Testable(const Node& node) const;
  bool IsSameTest(const Affine& a, const Affine& b) const;
  std::vector<Affine> DecidedBy(const Affine& condition, const Node& node) const;
  bool IsWritten(const Loop& loop) const;

  // ---- vector loops (vector_writer.cc)
  bool CanBeVector(const Loop& loop) const;
  void VectorLoop(const Loop& loop);
  void VectorBody(const Loop& loop, const LanePlace& place, Lanes lanes);
  void VectorStatement(const Statement& statement, const LanePlace& place, Lanes lanes);
  bool IsLaneReduction(const Statement& statement, const std::string& lane) const;
  void DotBf16(const Loop& loop);
  void InterleaveBf16(const Loop& loop);
  void Transpose(const Loop& loop);
  std::string Halves(const std::vector<Condition>& conditions, const Loop& columns) const;

  // ---- statements and values (value_writer.cc)
  void ScalarStatement(const Statement& statement);
  Verdict Judge(const std::vector<Condition>& conditions, const LanePlace* place) const;
  Value Evaluate(const Expr& expr, const LanePlace* place, const Lanes& lanes);
  Value Load(const Expr& expr, const LanePlace* place, const Lanes& lanes);
  std::string LoadText(const Access& access, const LanePlace* place, const Lanes& lanes);
  Value Apply(const Expr& expr, const LanePlace* place, const Lanes& lanes);
  std::string AsVector(const Value& value) const;
  std::string Temporary(const std::string& type, const std::string& text,
                        const std::string& buffer);
  void StoreVector(const Access& access, const std::string& value, const LanePlace& place,
                   const Lanes& lanes);
  void Forget(const std::string& buffer);

  // ---- indices (value_writer.cc)
  const Buffer& BufferOf(const Access& access) const { return *program_.FindBuffer(access.buffer); }
  Affine Linear(const Access& access) const;  // element offset, constants put in
  int64_t Stride(const Access& access, const std::string& index) const;  // in elements
  Affine PutConstants(const Affine& affine) const;
  std::string IndexText(const Affine& affine) const;
  bool InBounds(const Access& access,
                const LanePlace& place) const;  // also in lanes that do not count
  // Register variables: the buffer is not in memory.
  bool IsVariable(const std::string& buffer) const { return variables_.count(buffer) > 0; }
  std::string Variable(const Access& access, const LanePlace* place) const;

  // ---- analysis (register_analysis.cc)
  void FindVariables(const Node& nest);
  struct Uses;
  void CollectUses(const Node& node, std::set<std::string> written, const std::string& lane,
                   std::map<std::string, Uses>* uses) const;
  void DeclareVariables(const Buffer& buffer);

  const Program& program_;
  const Node& nest_;
  const std::vector<std::string>& arguments_;
  const Extents extents_;
  // Of the parallel loop, where it is shared out with another: its variable then counts iterations of both.
  std::optional<Sharing> sharing_;
  std::string shared_loop_;
  std::set<std::string> variables_;  // register buffers that are variables
  std::set<std::string> scalars_;    // of these, one float an element rather than vectors

  std::map<std::string, int64_t> constants_;  // indices written out around here
  Extents loops_;                             // loops that run around here
  Facts facts_;
  std::map<std::string, std::pair<std::string, std::string>> temporaries_;  // by text: name, buffer
  int next_temporary_ = 0;
  bool in_halves_ = false;  // bf16 is loaded as it is, in the lower half of each lane
  // Reductions of the vector loop around here: their vectors.
  std::map<const Statement*, std::string> sums_;
  std::string text_;
  int depth_ = 1;
  int64_t stack_bytes_ = 0;
};

}  // namespace strata::compiler::schedule

#endif  // STRATA_COMPILER_SCHEDULE_NEST_WRITER_H_
