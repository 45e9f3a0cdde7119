#include <string>

#include <gtest/gtest.h>

#include "absl/status/status.h"

#include "common/rpc/identity.h"
#include "common/status/status_matchers.h"

namespace waybill::rpc {
namespace {

TEST(Identity, ReadsBackTheUriOfEveryRole) {
  for (const Identity& identity :
       {Identity{Role::kAdmin, "", "alice"}, Identity{Role::kService, "CEN", "pcm-manager"},
        Identity{Role::kWorkstation, "NYC", "NYC00001"}}) {
    EXPECT_EQ(*ParseIdentity(ToUri(identity)), identity) << ToUri(identity);
  }
}

TEST(Identity, WritesTheDocumentedForms) {
  EXPECT_EQ(ServiceUri("CEN", "sender"), "spiffe://waybill/site/CEN/service/sender");
  EXPECT_EQ(ToUri({Role::kAdmin, "", "alice"}), "spiffe://waybill/admin/alice");
}

TEST(Identity, RefusesEveryOtherUri) {
  const std::string long_name(65, 'a');
  for (const std::string& uri :
       {std::string(""), std::string("spiffe://waybill/"), std::string("spiffe://waybill/admin/"),
        std::string("spiffe://waybill/admin/a/b"), std::string("spiffe://waybill/admin/.."),
        std::string("spiffe://waybill/admin/a b"), std::string("spiffe://waybill/admin/a%2fb"),
        std::string("spiffe://waybill/admin/a\0b", 26), "spiffe://waybill/admin/" + long_name,
        std::string("spiffe://waybill/site/CEN/service"),
        std::string("spiffe://waybill/site//service/sender"),
        std::string("spiffe://waybill/site/CEN/robot/sender"),
        std::string("spiffe://waybill/site/CEN/service/sender/"),
        std::string("spiffe://other/admin/alice"), std::string("https://waybill/admin/alice")}) {
    EXPECT_THAT(ParseIdentity(uri), StatusIs(absl::StatusCode::kInvalidArgument)) << uri;
  }
}

TEST(Identity, NeedsExactlyOneInACertificate) {
  const std::string alice = "spiffe://waybill/admin/alice";
  EXPECT_THAT(IdentityFromUris({alice}), IsOk());
  EXPECT_THAT(IdentityFromUris({"https://example.com", alice}), IsOk());
  EXPECT_THAT(IdentityFromUris({}), StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(IdentityFromUris({"https://example.com"}),
              StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(IdentityFromUris({alice, "spiffe://waybill/admin/bob"}),
              StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(IdentityFromUris({alice, "spiffe://waybill/root"}),
              StatusIs(absl::StatusCode::kUnauthenticated));
}

}  // namespace
}  // namespace waybill::rpc
