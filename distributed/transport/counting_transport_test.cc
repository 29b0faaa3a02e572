#include "distributed/transport/counting_transport.h"

#include "base/status_matchers.h"
#include "distributed/transport/thread_transport.h"

namespace strata::distributed {
namespace {

TEST(CountingTransportTest, CountsBothWays) {
  EXPECT_OK(RunThreadRanks(2, [](Transport& transport) -> absl::Status {
    CountingTransport t(transport);
    EXPECT_EQ(t.name(), "thread");
    char data[100] = {};
    const int peer = 1 - t.rank();
    if (t.rank() == 0) {
      STRATA_RETURN_IF_ERROR(t.Send({peer, 1, data, 100}));
    } else {
      STRATA_RETURN_IF_ERROR(t.Recv({peer, 1, data, 100}));
    }
    char in[7];
    STRATA_RETURN_IF_ERROR(t.SendRecv({peer, 2, data, 7}, {peer, 2, in, 7}));
    EXPECT_EQ(t.count().bytes_sent, t.rank() == 0 ? 107 : 7);
    EXPECT_EQ(t.count().bytes_received, t.rank() == 0 ? 7 : 107);
    EXPECT_EQ(t.count().messages_sent, t.rank() == 0 ? 2 : 1);
    EXPECT_EQ(t.count().messages_received, t.rank() == 0 ? 1 : 2);
    t.Reset();
    STRATA_RETURN_IF_ERROR(t.Barrier());
    EXPECT_EQ(t.count().messages_sent, 1);
    EXPECT_EQ(t.count().bytes_sent, 0);
    return absl::OkStatus();
  }));
}

}  // namespace
}  // namespace strata::distributed
