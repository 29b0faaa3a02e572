// Program: a tensor computation as explicit loops over affine accesses. Schedules (schedule.h) turn one Program into
// another that computes the same faster; Interpret() (interpreter.h) says what a Program means; EmitC() (emit_c.h) makes
// kernels of it. The text form prints and parses:
//
//   program matmul
//   input A f32[64, 32]
//   input B f32[32, 48]
//   output C f32[64, 48]
//   for i < 64 {
//     for j < 48 {
//       for k < 32 {
//         C[i, j] += A[i, k] * B[k, j] first k
//       }
//     }
//   }
//
// Meaning. Loops run from 0 in steps of one, in textual order; `parallel` and `vector` loops promise that any order, also
// all iterations at once, gives the same. A statement runs where its conditions hold ("if 14*i0 + i1 < 64"). With
// "first k" an update takes its target's old value as neutral (0 for +=, minus infinity for max=) in the iteration where
// all the indices named are 0. "inside(B[k, j], j < 48)" is 0 where the condition fails. "parallel jb < 2 with jp" shares
// out the iterations of two loops together (sharing.h). Arithmetic is in f32; bf16 is rounded when it is stored.
//
// Each top-level node of a Program is one kernel; they run one after another. Elsewhere: Halide (Ragan-Kelley et al.,
// PLDI 2013) separates algorithm and schedule; TVM (Chen et al., OSDI 2018) and Exo (Ikarashi et al., PLDI 2022) schedule
// by rewriting explicit loops, as here.
#ifndef STRATA_COMPILER_SCHEDULE_PROGRAM_H_
#define STRATA_COMPILER_SCHEDULE_PROGRAM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "chips/numerics/dtype.h"
#include "compiler/schedule/affine.h"

namespace strata::compiler::schedule {

using chips::DType;

// Vector loops run 16 lanes at a time.
inline constexpr int64_t kLanes = 16;

enum class Scope {
  kInput,     // an argument, only read
  kOutput,    // an argument, written (and read, where the program reads it)
  kScratch,   // an argument without a meaning for the caller; undefined before and after
  kStack,     // an array of this iteration of the loop `within`: meant to stay in a cache
  kRegister,  // the same, meant to stay in registers
};
const char* ScopeName(Scope scope);  // "input", ... as in the text
inline bool IsArgument(Scope scope) { return scope <= Scope::kScratch; }

// Dense and row-major.
struct Buffer {
  std::string name;
  DType dtype = chips::F32;  // F32 or BF16
  std::vector<int64_t> dims;
  Scope scope = Scope::kInput;
  // kStack, kRegister: undefined at the start of each iteration of this loop; else "".
  std::string within;

  int64_t elements() const;
};

struct Access {
  std::string buffer;
  std::vector<Affine> index;  // one a dim
  friend bool operator==(const Access&, const Access&) = default;
};

// Holds where value >= 0.
struct Condition {
  Affine value;
  friend bool operator==(const Condition&, const Condition&) = default;
};
Condition Less(const Affine& a, const Affine& b);  // a < b

struct Expr {
  enum class Kind { kLoad, kConstant, kApply };
  Kind kind = Kind::kConstant;
  Access access;  // kLoad
  std::vector<Condition>
      inside;        // kLoad: where one does not hold the value is 0 and nothing is read
  double value = 0;  // kConstant
  // kApply: add sub mul div max min, neg exp log sqrt rsqrt tanh sigmoid erf relu abs reciprocal square
  std::string op;
  std::vector<Expr> args;

  static Expr Load(std::string buffer, std::vector<Affine> index);
  static Expr Constant(double value);
  static Expr Apply(std::string op, std::vector<Expr> args);
};
// Arguments of an op; 0 for what is no op.
int OpArity(const std::string& op);

// kPrefetch touches nothing: it asks for the target's cache line (value 1: to write it), which may lie out of bounds.
enum class Update { kAssign, kAdd, kMax, kPrefetch };

struct Statement {
  Access target;
  Update update = Update::kAssign;
  Expr value;
  std::vector<std::string> first;  // sorted; only with kAdd, kMax
  std::vector<Condition> where;    // all must hold
};

enum class LoopKind { kSerial, kUnrolled, kVector, kParallel };
const char* LoopKindName(LoopKind kind);  // "for", "unroll", "vector", "parallel"

struct Dim {
  std::string index;
  int64_t extent = 0;
};

struct Node;

// One dim, named as the loop; or several after a fuse, which run in lexicographic order.
struct Loop {
  std::string name;
  std::vector<Dim> dims;
  LoopKind kind = LoopKind::kSerial;
  // kParallel: the loop in it whose iterations are shared out with its own (sharing.h); "" for none.
  std::string with;
  // The instruction sequence that this nest has been tensorised to; "" for none.
  std::string intrinsic;
  std::vector<Node> body;

  int64_t extent() const;  // product of the dims
};

struct Node {
  bool is_loop = false;
  Loop loop;            // is_loop
  Statement statement;  // else
  static Node Of(Loop loop);
  static Node Of(Statement statement);
};

struct Program {
  std::string name;
  std::vector<Buffer> buffers;  // arguments in the order of a kernel's `buffers`, then locals
  std::vector<Node> body;

  const Buffer* FindBuffer(const std::string& name) const;  // nullptr where there is none
  Buffer* FindBuffer(const std::string& name);
  std::vector<Buffer> Arguments() const;
};

// The text above. Parse(Print(p)) prints the same again; INVALID_ARGUMENT names the line. Parse validates.
std::string Print(const Program& program);
absl::StatusOr<Program> ParseProgram(const std::string& text);

// OK, or INVALID_ARGUMENT with the first fault: names that are unknown or taken, ranks, loops and locals out of place,
// ops that do not exist. Bounds of accesses are the interpreter's.
absl::Status Validate(const Program& program);

}  // namespace strata::compiler::schedule

#endif  // STRATA_COMPILER_SCHEDULE_PROGRAM_H_
