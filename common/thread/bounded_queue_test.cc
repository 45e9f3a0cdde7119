#include "common/thread/bounded_queue.h"

#include <memory>
#include <optional>
#include <thread>

#include <gtest/gtest.h>

namespace waybill {
namespace {

TEST(BoundedQueue, HandsOverInOrderAndNeverHoldsMoreThanItsLimit) {
  BoundedQueue<int> queue(2);
  std::thread producer([&] {
    for (int i = 0; i < 1000; ++i) {
      EXPECT_TRUE(queue.Push(i));
    }
    queue.Close();
  });
  int expected = 0;
  while (const std::optional<int> item = queue.Pop()) {
    EXPECT_EQ(*item, expected++);
  }
  EXPECT_EQ(expected, 1000);
  producer.join();
}

TEST(BoundedQueue, RefusesAnItemWhenFull) {
  BoundedQueue<int> queue(1);
  EXPECT_TRUE(queue.TryPush(1));
  EXPECT_FALSE(queue.TryPush(2));
  EXPECT_EQ(queue.Pop(), 1);
  EXPECT_TRUE(queue.TryPush(3));
}

TEST(BoundedQueue, GivesOutWhatItHoldsAfterItIsClosed) {
  BoundedQueue<std::unique_ptr<int>> queue(2);
  EXPECT_TRUE(queue.Push(std::make_unique<int>(7)));
  queue.Close();
  EXPECT_FALSE(queue.Push(std::make_unique<int>(8)));
  EXPECT_EQ(**queue.Pop(), 7);
  EXPECT_FALSE(queue.Pop().has_value());
}

TEST(BoundedQueue, WakesAProducerWhenTheConsumerGivesUp) {
  BoundedQueue<int> queue(1);
  EXPECT_TRUE(queue.Push(1));
  std::thread producer([&] { EXPECT_FALSE(queue.Push(2)); });
  queue.Abandon();
  producer.join();
  EXPECT_FALSE(queue.Pop().has_value());
}

}  // namespace
}  // namespace waybill
