//! Several projects share one service. Each has its own keys, presets and rules for the originals under its prefix, and
//! none of them applies to another.

use crate::corpus;
use crate::harness::{SIGNING_KEY, Start, signed};

const NEWS_KEY: &str = "news-signing-key-for-tests-only-00001";
const SHOP_KEY: &str = "shop-signing-key-for-tests-only-00001";

const SITES: &str = r#"
[sites.news]
prefix = "news/"
signing_keys = ["news-signing-key-for-tests-only-00001"]
originals = "public"
[sites.news.presets]
card = "w_200~h_100~fit_cover"

[sites.shop]
prefix = "shop/"
signing_keys = ["shop-signing-key-for-tests-only-00001"]
[sites.shop.presets]
card = "w_50"
"#;

#[test]
fn each_site_has_its_own_keys_presets_and_rules() {
    let app = Start::production()
        .env("TINTYPE_CONFIG_INLINE", SITES)
        .run();
    app.upload("news/a.jpg", &corpus::tower());
    app.upload("shop/a.jpg", &corpus::tower());

    app.get(&signed("news/a.jpg", "w_100", NEWS_KEY))
        .expect(200);
    app.get(&signed("shop/a.jpg", "w_100", SHOP_KEY))
        .expect(200);
    for (key, signing_key) in [
        ("news/a.jpg", SHOP_KEY),
        ("shop/a.jpg", NEWS_KEY),
        ("news/a.jpg", SIGNING_KEY),
    ] {
        app.get(&signed(key, "w_100", signing_key))
            .refused(403, "signature-invalid");
    }

    let width = |path: &str| crate::picture::kind(&app.get(path).expect(200).body).width;
    assert_eq!(width("/t/news/a.jpg/card"), 200);
    assert_eq!(width("/t/shop/a.jpg/card"), 50);

    app.get("/o/news/a.jpg").expect(200);
    app.get("/o/shop/a.jpg").refused(403, "signature-missing");
}
