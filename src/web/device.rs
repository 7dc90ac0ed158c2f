//! The cookie of a browser that people signed in with: whoever guesses their passwords elsewhere does not slow them
//! here. It signs nobody in, so it outlives every session.

use tower_cookies::Cookies;

use super::Web;
use super::error::WebError;
use super::visitor::lasting_cookie;
use crate::domain::credential::{DeviceToken, TokenHash};
use crate::domain::id::UserId;
use crate::store::Device;

/// A browser's token, and the one that it is given if that is not known.
pub(super) struct BrowserDevice {
    brought: Option<DeviceToken>,
    fresh: DeviceToken,
}

impl BrowserDevice {
    /// The browser of a request.
    pub(super) fn of(web: &Web, cookies: &Cookies) -> BrowserDevice {
        let cookie = cookies.get(&cookie_name(web));
        BrowserDevice {
            brought: cookie.and_then(|cookie| cookie.value().parse().ok()),
            fresh: DeviceToken::generate(&web.entropy),
        }
    }

    /// What the browser says to be.
    pub(super) fn brought(&self) -> Option<TokenHash> {
        self.brought.as_ref().map(DeviceToken::hash)
    }

    /// For the store, which says whether it was known.
    pub(super) fn hashes(&self) -> Device {
        Device { brought: self.brought(), fresh: self.fresh.hash() }
    }

    /// Leaves the token with the browser, anew also where it was known: browsers keep a cookie for a year or so.
    pub(super) fn leave(self, web: &Web, cookies: &Cookies, was_known: bool) {
        let token = self.brought.filter(|_| was_known).unwrap_or(self.fresh);
        cookies.add(lasting_cookie(web, cookie_name(web), token.expose().to_owned()));
    }
}

/// Makes the browser known of somebody who has proved by a link that the account is theirs.
pub(super) async fn remember(web: &Web, cookies: &Cookies, user: UserId) -> Result<(), WebError> {
    let device = BrowserDevice::of(web, cookies);
    let was_known = web.store.remember_device(user, device.hashes(), web.clock.wall()).await?;
    device.leave(web, cookies, was_known);
    Ok(())
}

fn cookie_name(web: &Web) -> String {
    web.config.public_url.cookie_name("device")
}
