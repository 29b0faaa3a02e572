// Steps that copy what a loop touches: cache_read, pack, cache_write.
#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/schedule/legality.h"
#include "compiler/schedule/region.h"
#include "compiler/schedule/steps.h"
#include "compiler/schedule/text.h"
#include "compiler/schedule/tree.h"

namespace strata::compiler::schedule {
namespace {

absl::Status Refuse(const std::string& message) { return absl::InvalidArgumentError(message); }

absl::Status CheckScope(Scope scope, const std::string& loop) {
  if (loop == "root" && scope != Scope::kScratch) return Refuse("a copy at root is scratch");
  if (loop != "root" && scope != Scope::kStack && scope != Scope::kRegister) {
    return Refuse("a copy in a loop is stack or register");
  }
  return absl::OkStatus();
}

// A local buffer is copied in the loop it lives in, or deeper.
absl::Status CheckAlive(const Program& program, const Buffer& buffer, const std::string& loop) {
  if (buffer.within.empty()) return absl::OkStatus();
  if (loop != "root") {
    STRATA_ASSIGN_OR_RETURN(const std::vector<const Node*> path, PathTo(program, loop));
    for (const Node* node : path) {
      if (node->loop.name == buffer.within) return absl::OkStatus();
    }
  }
  return Refuse(absl::StrCat("'", buffer.name, "' lives in loop '", buffer.within, "', which '",
                             loop, "' is not in"));
}

std::vector<Access*> AccessesTo(const std::string& buffer, std::vector<Node>* body, bool targets) {
  std::vector<Access*> accesses;
  ForEachStatement(body, [&](Statement& statement) {
    if (statement.update == Update::kPrefetch) return;
    ForEachAccess(&statement, [&](Access& access, bool is_target) {
      if (access.buffer == buffer && (targets || !is_target)) accesses.push_back(&access);
    });
  });
  return accesses;
}

// Locals after all arguments; arguments in order of making.
void AddBuffer(Buffer buffer, Program* program) {
  std::vector<Buffer>& buffers = program->buffers;
  const auto place = IsArgument(buffer.scope)
                         ? std::find_if(buffers.begin(), buffers.end(),
                                        [](const Buffer& b) { return !IsArgument(b.scope); })
                         : buffers.end();
  buffers.insert(place, std::move(buffer));
}

// ---- cache_read and pack

// for T_0, T_1, ...: T[T_0, T_1, ...] = B[base + coordinates]
Node CopyNest(const CacheRead& step, const Region& region,
              const std::vector<int64_t>& digit_extents, const std::vector<Digit>& layout,
              const Buffer& source, Extents extents) {
  std::vector<Affine> from = region.base, to;
  std::vector<std::string> loops;
  for (size_t i = 0; i < layout.size(); ++i) {
    loops.push_back(absl::StrCat(step.name, "_", i));
    extents[loops.back()] = digit_extents[i];
    to.push_back(Affine::Index(loops.back()));
    from[static_cast<size_t>(layout[i].dim)] += Affine::Index(loops.back(), layout[i].divisor);
  }
  Statement copy;
  copy.target = {step.name, to};
  copy.value = Expr::Load(step.buffer, from);
  for (size_t d = 0; d < from.size(); ++d) {
    const Interval range = from[d].Range(extents);
    if (range.low < 0) copy.value.inside.push_back({from[d]});
    if (range.high >= source.dims[d]) copy.value.inside.push_back(Less(from[d], source.dims[d]));
  }
  Node nest = Node::Of(std::move(copy));
  for (size_t i = loops.size(); i-- > 0;) {
    Loop loop;
    loop.name = loops[i];
    loop.dims = {{loops[i], digit_extents[i]}};
    loop.body.push_back(std::move(nest));
    nest = Node::Of(std::move(loop));
  }
  return nest;
}

std::vector<Digit> PlainLayout(size_t rank) {
  std::vector<Digit> layout;
  for (size_t d = 0; d < rank; ++d) layout.push_back({static_cast<int>(d), 1, 0, 0});
  return layout;
}

// The top-level node before which a copy of the whole buffer is whole: the first that reads it.
size_t FirstReader(const std::string& buffer, std::vector<Node>* body) {
  for (size_t i = 0; i < body->size(); ++i) {
    std::vector<Node> one = {(*body)[i]};
    if (!AccessesTo(buffer, &one, false).empty()) return i;
  }
  return 0;
}

// ---- cache_write

// Conditions that hold for all statements that touch the buffer, over indices that its copies have.
std::vector<Condition> CommonConditions(const std::string& buffer, const std::vector<Node>& body,
                                        const std::set<std::string>& copied,
                                        const std::set<std::string>& inner) {
  std::vector<Condition> common;
  bool is_first = true;
  ForEachStatement(body, [&](const Statement& statement) {
    bool touches = false;
    if (statement.update == Update::kPrefetch) return;
    ForEachAccess(statement,
                  [&](const Access& a, bool) { touches = touches || a.buffer == buffer; });
    if (!touches) return;
    std::vector<Condition> kept;
    for (const Condition& condition : statement.where) {
      const bool known = std::all_of(
          condition.value.terms().begin(), condition.value.terms().end(), [&](const auto& term) {
            return inner.count(term.first) == 0 || copied.count(term.first) > 0;
          });
      const bool shared =
          is_first || std::find(common.begin(), common.end(), condition) != common.end();
      if (known && shared) kept.push_back(condition);
    }
    common = std::move(kept);
    is_first = false;
  });
  return common;
}

// The statement in copies of the loops in `body` whose indices it uses, outer first, named T_<suffix>_<loop>.
Node InCopies(Statement statement, const std::string& prefix, const std::vector<Node>& body,
              const std::set<std::string>& copied) {
  std::vector<Loop> loops;
  ForEachLoop(body, [&](const Loop& loop) {
    for (const Dim& dim : loop.dims) {
      if (copied.count(dim.index) == 0) continue;
      Loop copy;
      copy.name = prefix + dim.index;
      copy.dims = {{copy.name, dim.extent}};
      copy.kind = loop.dims.size() == 1 ? loop.kind : LoopKind::kSerial;
      loops.push_back(std::move(copy));
    }
  });
  std::vector<Node> nest = {Node::Of(std::move(statement))};
  for (const Loop& loop : loops)
    SubstituteIndex(loop.name.substr(prefix.size()), Affine::Index(loop.name), &nest);
  for (size_t i = loops.size(); i-- > 0;) {
    loops[i].body = std::move(nest);
    nest = {Node::Of(std::move(loops[i]))};
  }
  return std::move(nest[0]);
}

struct Initial {
  bool needs_load = true;          // the old values are read
  std::vector<std::string> first;  // outer indices at which they count as neutral
  bool always_neutral = false;
  Update update = Update::kAdd;
};

// Indices of loops in `body` around the statement, by depth first search.
bool LoopsAround(const std::vector<Node>& body, const Statement& statement,
                 std::set<std::string>* indices) {
  for (const Node& node : body) {
    if (!node.is_loop && &node.statement == &statement) return true;
    if (!node.is_loop || !LoopsAround(node.loop.body, statement, indices)) continue;
    indices->merge(IndicesOf(node.loop));
    return true;
  }
  return false;
}

// How the first touch of an element in an iteration depends on its old value. Where that is an update with a first
// iteration, its start becomes the initial value and it is an update like others from then on.
Initial InitialOf(const std::string& buffer, std::vector<Node>* body,
                  const std::set<std::string>& copied) {
  Initial initial;
  Statement* toucher = nullptr;
  bool reads = false;
  ForEachStatement(body, [&](Statement& statement) {
    if (toucher != nullptr || statement.update == Update::kPrefetch) return;
    bool touches = false;
    ForEachAccess(statement, [&](const Access& a, bool target) {
      touches = touches || a.buffer == buffer;
      reads = reads || (!target && a.buffer == buffer);
    });
    if (touches) toucher = &statement;
  });
  if (toucher == nullptr || reads) return initial;
  if (toucher->update == Update::kAssign) {
    initial.needs_load = !toucher->where.empty();
    return initial;
  }
  std::set<std::string> around;
  LoopsAround(*body, *toucher, &around);
  const std::vector<std::string>& first = toucher->first;
  for (const std::string& index : around) {
    const bool starts_once =
        copied.count(index) > 0 || std::find(first.begin(), first.end(), index) != first.end();
    if (!starts_once) return initial;
  }
  if (first.empty()) return initial;
  for (const std::string& index : first) {
    if (around.count(index) == 0) initial.first.push_back(index);
  }
  initial.always_neutral = initial.first.empty();
  initial.update = toucher->update;
  toucher->first.clear();
  return initial;
}

}  // namespace

absl::Status Run(const CacheRead& step, Replay* replay) {
  Program& program = replay->program;
  STRATA_RETURN_IF_ERROR(CheckScope(step.scope, step.loop));
  STRATA_RETURN_IF_ERROR(CheckFresh(program, step.name));
  const Buffer* source = program.FindBuffer(step.buffer);
  if (source == nullptr)
    return absl::NotFoundError(absl::StrCat("there is no buffer '", step.buffer, "'"));
  STRATA_RETURN_IF_ERROR(CheckAlive(program, *source, step.loop));
  std::vector<Node>* body = &program.body;
  if (step.loop != "root") {
    STRATA_ASSIGN_OR_RETURN(Loop * loop, FindLoop(&program, step.loop));
    body = &loop->body;
  }
  STRATA_RETURN_IF_ERROR(CheckCopyOnce(program, step.buffer, step.loop));
  std::vector<Access*> accesses = AccessesTo(step.buffer, body, false);
  if (accesses.empty()) {
    return Refuse(absl::StrCat("'", step.buffer, "' is not read in '", step.loop, "'"));
  }

  const Extents extents = ExtentsOf(program);
  const std::set<std::string> inner = IndicesOf(*body);
  STRATA_ASSIGN_OR_RETURN(Region region,
                          RegionOf({accesses.begin(), accesses.end()}, inner, extents));
  if (step.loop == "root") {  // all of the buffer
    region.base.assign(source->dims.size(), 0);
    region.extent = source->dims;
  }
  const std::vector<Digit> layout =
      step.layout.empty() ? PlainLayout(region.extent.size()) : step.layout;
  STRATA_ASSIGN_OR_RETURN(const std::vector<int64_t> digit_extents, DigitExtents(region, layout));
  for (size_t i = 0; i < layout.size(); ++i) {
    STRATA_RETURN_IF_ERROR(CheckFresh(program, absl::StrCat(step.name, "_", i)));
  }
  for (Access* access : accesses) {
    std::vector<Affine> index = access->index;
    for (size_t d = 0; d < index.size(); ++d) index[d] -= region.base[d];
    STRATA_ASSIGN_OR_RETURN(index, DigitsOf(index, layout, extents));
    *access = {step.name, std::move(index)};
  }

  Buffer copy{step.name, source->dtype, digit_extents, step.scope,
              step.loop == "root" ? "" : step.loop};
  for (size_t i = 0; i < layout.size(); ++i) {
    if (layout[i].padded != 0) copy.dims[i] = layout[i].padded;
  }
  Node nest = CopyNest(step, region, digit_extents, layout, *source, extents);
  size_t place = 0;
  if (step.loop == "root") place = FirstReader(step.name, body);
  body->insert(body->begin() + static_cast<std::ptrdiff_t>(place), std::move(nest));
  AddBuffer(std::move(copy), &program);
  return absl::OkStatus();
}

absl::Status Run(const CacheWrite& step, Replay* replay) {
  Program& program = replay->program;
  if (step.loop == "root") return Refuse("cache_write is in a loop");
  STRATA_RETURN_IF_ERROR(CheckScope(step.scope, step.loop));
  STRATA_RETURN_IF_ERROR(CheckFresh(program, step.name));
  const Buffer* buffer = program.FindBuffer(step.buffer);
  if (buffer == nullptr)
    return absl::NotFoundError(absl::StrCat("there is no buffer '", step.buffer, "'"));
  STRATA_RETURN_IF_ERROR(CheckAlive(program, *buffer, step.loop));
  STRATA_ASSIGN_OR_RETURN(Loop * loop, FindLoop(&program, step.loop));
  std::vector<Access*> accesses = AccessesTo(step.buffer, &loop->body, true);
  bool written = false;
  ForEachStatement(
      loop->body, [&](const Statement& s) { written = written || s.target.buffer == step.buffer; });
  if (!written)
    return Refuse(absl::StrCat("'", step.buffer, "' is not written in '", step.loop, "'"));
  for (const Access* access : accesses) {
    if (*access == *accesses[0]) continue;
    return absl::UnimplementedError(absl::StrCat(AccessText(*accesses[0]), " and ",
                                                 AccessText(*access),
                                                 " differ; cache_write keeps one access"));
  }

  const Extents extents = ExtentsOf(program);
  const std::set<std::string> inner = IndicesOf(loop->body);
  const Access original = *accesses[0];
  STRATA_ASSIGN_OR_RETURN(const Region region, RegionOf({accesses[0]}, inner, extents));
  std::set<std::string> copied;
  Access local{step.name, original.index};
  for (size_t d = 0; d < local.index.size(); ++d) {
    local.index[d] -= region.base[d];
    for (const auto& term : local.index[d].terms()) copied.insert(term.first);
  }
  for (const char* kind : {"_load_", "_store_"}) {
    for (const std::string& index : copied) {
      STRATA_RETURN_IF_ERROR(CheckFresh(program, absl::StrCat(step.name, kind, index)));
    }
  }
  const std::vector<Condition> where = CommonConditions(step.buffer, loop->body, copied, inner);
  const Initial initial = InitialOf(step.buffer, &loop->body, copied);
  const std::vector<Node> shape = loop->body;
  for (Access* access : accesses) *access = local;

  std::vector<Node> before;
  const double neutral =
      initial.update == Update::kMax ? -std::numeric_limits<double>::infinity() : 0.0;
  Affine later;  // 0 in the first iteration
  for (const std::string& index : initial.first) later += Affine::Index(index);
  const auto load = [&](Expr value, std::vector<Condition> conditions) {
    conditions.insert(conditions.end(), where.begin(), where.end());
    Statement statement;
    statement.target = local;
    statement.value = std::move(value);
    statement.where = std::move(conditions);
    return statement;
  };
  const std::string load_prefix = step.name + "_load_";
  if (initial.always_neutral) {
    before.push_back(InCopies(load(Expr::Constant(neutral), {}), load_prefix, shape, copied));
  } else if (initial.needs_load) {
    Statement old = load(Expr::Load(step.buffer, original.index), {});
    if (!initial.first.empty()) old.where.insert(old.where.begin(), Less(0, later));
    Node nest = InCopies(std::move(old), load_prefix, shape, copied);
    if (!initial.first.empty()) {
      Statement zero = load(Expr::Constant(neutral), {Less(later, 1)});
      Node other = InCopies(std::move(zero), load_prefix, shape, copied);
      std::vector<Node>* leaf = nest.is_loop ? &nest.loop.body : &before;
      const std::vector<Node>* zero_leaf = other.is_loop ? &other.loop.body : nullptr;
      while (zero_leaf != nullptr && (*zero_leaf)[0].is_loop) {
        leaf = &(*leaf)[0].loop.body;
        zero_leaf = &(*zero_leaf)[0].loop.body;
      }
      leaf->insert(leaf->begin(), zero_leaf == nullptr ? other : (*zero_leaf)[0]);
    }
    before.push_back(std::move(nest));
  }
  Statement store;
  store.target = original;
  store.value = Expr::Load(local.buffer, local.index);
  store.where = where;
  Node after = InCopies(std::move(store), step.name + "_store_", shape, copied);

  loop->body.insert(loop->body.begin(), before.begin(), before.end());
  loop->body.push_back(std::move(after));
  AddBuffer({step.name, buffer->dtype, region.extent, step.scope, step.loop}, &program);
  return absl::OkStatus();
}

}  // namespace strata::compiler::schedule
