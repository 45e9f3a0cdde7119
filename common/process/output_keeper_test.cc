#include "common/process/output_keeper.h"

#include <string>

#include <gtest/gtest.h>

namespace waybill::process {
namespace {

TEST(OutputKeeperTest, KeepsShortOutputWhole) {
  OutputKeeper keeper(10);
  keeper.Append("01234");
  keeper.Append("");
  keeper.Append("56789");
  EXPECT_EQ(keeper.Text(), "0123456789");
}

TEST(OutputKeeperTest, CutsTheMiddleAndTellsHowMuch) {
  OutputKeeper keeper(10);
  keeper.Append("0123456789a");
  EXPECT_EQ(keeper.Text(), "01234\n[1 bytes cut]\n6789a");
}

TEST(OutputKeeperTest, GivesTheSameHoweverTheOutputIsDivided) {
  std::string all;
  for (int i = 0; i < 1000; ++i) all += std::to_string(i) + " ";
  OutputKeeper whole(100);
  whole.Append(all);
  for (size_t step : {1, 7, 64, 999}) {
    OutputKeeper pieces(100);
    for (size_t at = 0; at < all.size(); at += step) pieces.Append(all.substr(at, step));
    EXPECT_EQ(pieces.Text(), whole.Text()) << step;
  }
  EXPECT_EQ(whole.Text(), all.substr(0, 50) + "\n[" + std::to_string(all.size() - 100) +
                              " bytes cut]\n" + all.substr(all.size() - 50));
}

TEST(OutputKeeperTest, KeepsNothingWithoutALimitToFill) {
  OutputKeeper keeper(0);
  keeper.Append("abc");
  EXPECT_EQ(keeper.Text(), "\n[3 bytes cut]\n");
}

}  // namespace
}  // namespace waybill::process
