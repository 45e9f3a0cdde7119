#ifndef WAYBILL_COMMON_RPC_IDENTITY_H_
#define WAYBILL_COMMON_RPC_IDENTITY_H_

#include <string>
#include <vector>

#include <grpcpp/security/auth_context.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace waybill::rpc {

enum class Role {
  kNone,         ///< No certificate: only an in-process channel of a test.
  kAdmin,        ///< A person or a tool of theirs.
  kService,      ///< A service of this or a neighbouring site.
  kWorkstation,  ///< A target computer.
};

absl::string_view ToString(Role role);

/// Who is at the other end, as its certificate says; nothing a peer sends in a call can change it.
struct Identity {
  Role role = Role::kNone;
  std::string site_code;  ///< Empty for kAdmin.
  std::string name;       ///< Administrator, service ("sender") or SMS ID.

  friend bool operator==(const Identity&, const Identity&) = default;
};

/// The three forms of an identity in a certificate's URI SAN:
///
///   spiffe://waybill/admin/<name>
///   spiffe://waybill/site/<code>/service/<name>
///   spiffe://waybill/site/<code>/workstation/<SMS ID>
///
/// Parts have 1 to 64 of the characters A-Z a-z 0-9 . _ - and are not "." or "..". Returns
/// INVALID_ARGUMENT for anything else. ToUri is the inverse; kNone has no URI (empty).
absl::StatusOr<Identity> ParseIdentity(absl::string_view uri);
std::string ToUri(const Identity& identity);
std::string ServiceUri(absl::string_view site_code, absl::string_view service);

/// The identity in a certificate with these URI SANs. UNAUTHENTICATED unless exactly one of them is
/// an identity; URIs of other schemes or trust domains do not count.
absl::StatusOr<Identity> IdentityFromUris(const std::vector<std::string>& uris);

/// The identity of the peer of a call or connection. Errors as above; also without a certificate.
absl::StatusOr<Identity> IdentityOf(const grpc::AuthContext& context);

}  // namespace waybill::rpc

#endif  // WAYBILL_COMMON_RPC_IDENTITY_H_
