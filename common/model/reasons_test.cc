#include "common/model/reasons.h"

#include <string>

#include <gtest/gtest.h>

namespace waybill::model {
namespace {

TEST(ReasonsTest, AReasonHasItsWholeWordAndNoOther) {
  const std::string reason = Reason(kNotYet, "it is offered after noon");
  EXPECT_EQ(reason, "NOT_YET: it is offered after noon");
  EXPECT_TRUE(HasWord(reason, kNotYet));
  EXPECT_FALSE(HasWord(reason, "NOT"));
  EXPECT_FALSE(HasWord("NOT_YET_KNOWN: x", kNotYet));
  EXPECT_FALSE(HasWord("NOT_YET", kNotYet));
  EXPECT_FALSE(HasWord("", kNotYet));
}

TEST(ReasonsTest, AReasonIsCut) {
  EXPECT_EQ(Reason(kRefused, std::string(5000, 'x')).size(), kReasonBytesMax);
}

}  // namespace
}  // namespace waybill::model
