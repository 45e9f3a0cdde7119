#include "common/rpc/identity.h"

#include <algorithm>
#include <string>
#include <vector>

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace waybill::rpc {
namespace {

constexpr absl::string_view kTrustDomain = "spiffe://waybill/";
constexpr std::size_t kPartBytesMax = 64;

bool IsPart(absl::string_view part) {
  const auto is_allowed = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  };
  return !part.empty() && part.size() <= kPartBytesMax && part != "." && part != ".." &&
         std::all_of(part.begin(), part.end(), is_allowed);
}

Role SiteRole(absl::string_view kind) {
  if (kind == "service") {
    return Role::kService;
  }
  return kind == "workstation" ? Role::kWorkstation : Role::kNone;
}

}  // namespace

absl::string_view ToString(Role role) {
  switch (role) {
    case Role::kNone:
      return "none";
    case Role::kAdmin:
      return "admin";
    case Role::kService:
      return "service";
    case Role::kWorkstation:
      return "workstation";
  }
  return "none";
}

absl::StatusOr<Identity> ParseIdentity(absl::string_view uri) {
  absl::string_view path = uri;
  if (absl::ConsumePrefix(&path, kTrustDomain)) {
    const std::vector<absl::string_view> parts = absl::StrSplit(path, '/');
    const bool plain = std::all_of(parts.begin(), parts.end(), IsPart);
    if (plain && parts.size() == 2 && parts[0] == "admin") {
      return Identity{Role::kAdmin, "", std::string(parts[1])};
    }
    if (plain && parts.size() == 4 && parts[0] == "site" && SiteRole(parts[2]) != Role::kNone) {
      return Identity{SiteRole(parts[2]), std::string(parts[1]), std::string(parts[3])};
    }
  }
  return absl::InvalidArgumentError(absl::StrCat("not an identity of this system: ", uri));
}

std::string ToUri(const Identity& identity) {
  if (identity.role == Role::kNone) {
    return "";
  }
  if (identity.role == Role::kAdmin) {
    return absl::StrCat(kTrustDomain, "admin/", identity.name);
  }
  return absl::StrCat(kTrustDomain, "site/", identity.site_code, "/", ToString(identity.role), "/",
                      identity.name);
}

std::string ServiceUri(absl::string_view site_code, absl::string_view service) {
  return ToUri({Role::kService, std::string(site_code), std::string(service)});
}

absl::StatusOr<Identity> IdentityFromUris(const std::vector<std::string>& uris) {
  std::vector<Identity> found;
  for (const std::string& uri : uris) {
    if (!absl::StartsWith(uri, kTrustDomain)) {
      continue;
    }
    // One that is ours but malformed spoils the certificate: better no identity than a guessed one.
    const absl::StatusOr<Identity> identity = ParseIdentity(uri);
    if (!identity.ok()) {
      return absl::UnauthenticatedError(identity.status().message());
    }
    found.push_back(*identity);
  }
  if (found.size() != 1) {
    return absl::UnauthenticatedError(
        absl::StrCat("the certificate must name exactly one identity as a URI ", kTrustDomain,
                     "...; it names ", found.size()));
  }
  return found.front();
}

absl::StatusOr<Identity> IdentityOf(const grpc::AuthContext& context) {
  if (!context.IsPeerAuthenticated()) {
    return absl::UnauthenticatedError("the peer showed no certificate");
  }
  std::vector<std::string> uris;
  for (const grpc::string_ref& uri : context.FindPropertyValues(GRPC_PEER_URI_PROPERTY_NAME)) {
    uris.emplace_back(uri.data(), uri.size());
  }
  return IdentityFromUris(uris);
}

}  // namespace waybill::rpc
