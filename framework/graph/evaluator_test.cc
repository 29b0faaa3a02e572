#include "framework/graph/evaluator_conformance.h"
#include "framework/graph/interpreter.h"

namespace strata::graph {
namespace {

INSTANTIATE_TEST_SUITE_P(
    Reference, EvaluatorConformanceTest,
    ::testing::Values(EvaluatorUnderTest{
        "reference", [] { return std::make_unique<Interpreter>(); }, {chips::F32, chips::F64}}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace strata::graph
