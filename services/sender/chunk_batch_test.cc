#include "services/sender/chunk_batch.h"

#include <gtest/gtest.h>

namespace waybill::sender {
namespace {

TEST(ChunkBatchTest, AMessageGoesOutBeforeItWouldPassOneMebibyte) {
  EXPECT_FALSE(BatchIsFull(0, 2 << 20));  // A chunk always fits into an empty one.
  EXPECT_FALSE(BatchIsFull(kBatchBytes - 10, 10));
  EXPECT_TRUE(BatchIsFull(kBatchBytes - 10, 11));
}

TEST(ChunkBatchTest, CreditIsWhatIsNotDurableYet) {
  CreditWindow window(100);
  EXPECT_TRUE(window.Allows(100));
  window.Sent(60);
  EXPECT_TRUE(window.Allows(40));
  EXPECT_FALSE(window.Allows(41));
  EXPECT_TRUE(window.Acknowledge(50));
  EXPECT_TRUE(window.Allows(90));
  EXPECT_FALSE(window.Allows(91));
}

TEST(ChunkBatchTest, AMessageLargerThanTheCreditGoesWhenNothingIsUnderWay) {
  CreditWindow window(100);
  EXPECT_TRUE(window.Allows(1000));
  window.Sent(1000);
  EXPECT_FALSE(window.Allows(1));
  EXPECT_TRUE(window.Acknowledge(1000));
  EXPECT_TRUE(window.Allows(1000));
}

TEST(ChunkBatchTest, AcknowledgementsNeitherGoBackNorBeyondWhatWasSent) {
  CreditWindow window(100);
  window.Sent(50);
  EXPECT_TRUE(window.Acknowledge(30));
  EXPECT_FALSE(window.Acknowledge(29));
  EXPECT_FALSE(window.Acknowledge(51));
  EXPECT_EQ(window.durable_bytes(), 30);
  EXPECT_TRUE(window.Acknowledge(30));
}

}  // namespace
}  // namespace waybill::sender
