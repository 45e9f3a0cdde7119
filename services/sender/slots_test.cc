#include "services/sender/slots.h"

#include <cstdint>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace waybill::sender {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(SlotsTest, TakesInTheGivenOrderUpToAllSlots) {
  const std::vector<DueSend> due = {{5, "NYC", 3}, {1, "BOS", 3}, {2, "NYC", 3}};
  EXPECT_THAT(ChooseSends(due, {.sends_max = 2, .active = {}, .failing = {}}), ElementsAre(5, 1));
  EXPECT_THAT(ChooseSends(due, {.sends_max = 5, .active = {}, .failing = {}}),
              ElementsAre(5, 1, 2));
}

TEST(SlotsTest, AnAddressGetsNoMoreThanItsOwnNumberCountingWhatIsUnderWay) {
  const std::vector<DueSend> due = {{1, "NYC", 2}, {2, "NYC", 2}, {3, "BOS", 1}, {4, "BOS", 1}};
  EXPECT_THAT(ChooseSends(due, {.sends_max = 9, .active = {{"NYC", 1}}, .failing = {}}),
              ElementsAre(1, 3));
}

TEST(SlotsTest, WhatIsUnderWayCountsAgainstAllSlots) {
  const std::vector<DueSend> due = {{1, "NYC", 3}};
  EXPECT_THAT(ChooseSends(due, {.sends_max = 3, .active = {{"BOS", 3}}, .failing = {}}), IsEmpty());
  EXPECT_THAT(ChooseSends(due, {.sends_max = 3, .active = {{"BOS", 7}}, .failing = {}}), IsEmpty());
}

TEST(SlotsTest, TheLastSlotIsKeptForAddressesThatWork) {
  const std::vector<DueSend> due = {{1, "BAD", 9}, {2, "BAD", 9}, {3, "BAD", 9}, {4, "NYC", 9}};
  EXPECT_THAT(ChooseSends(due, {.sends_max = 3, .active = {}, .failing = {"BAD"}}),
              ElementsAre(1, 2, 4));
  EXPECT_THAT(ChooseSends(due, {.sends_max = 3, .active = {{"BAD", 2}}, .failing = {"BAD"}}),
              ElementsAre(4));
}

TEST(SlotsTest, WithOneSlotInAllEvenAnAddressThatFailedIsTriedAgain) {
  EXPECT_THAT(ChooseSends({{1, "BAD", 3}}, {.sends_max = 1, .active = {}, .failing = {"BAD"}}),
              ElementsAre(1));
}

}  // namespace
}  // namespace waybill::sender
