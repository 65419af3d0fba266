use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::*;

#[test]
fn the_default_file_says_what_the_code_says() {
    let default = Config::parse(DEFAULT, "default.toml").expect("the default parses");
    let empty = Config::parse("", "empty.toml").expect("nothing is needed");
    assert_eq!(default, empty);
}

#[test]
fn every_line_that_the_default_file_shows_is_accepted() {
    const SECRET: &str = "secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"";
    let directory = std::env::temp_dir();
    // Uncomment the examples; the placeholders' keys and the secrets' files aren't there to be read.
    let text: String = DEFAULT
        .lines()
        .skip_while(|line| !line.starts_with('['))
        .map(|line| line.replace("secret_file = \"crm.secret\" ", SECRET))
        .filter(|line| !line.contains("_file =") && !line.contains("command_url"))
        .filter(|line| !line.contains("commands = ") && !line.contains("username"))
        .map(|line| line.strip_prefix("# ").unwrap_or(&line).to_owned())
        .filter(|line| line.contains(" = ") || line.starts_with('['))
        .map(|line| format!("{line}\n"))
        .collect();
    let config = Config::read(&text, "shown.toml", &directory, &BTreeMap::new())
        .unwrap_or_else(|error| panic!("{error}\n{text}"));
    let ozonetel = config.ozonetel.expect("the section is shown");
    let dial = &ozonetel.templates["tbManualDial"];
    assert_eq!(dial.0["params"], "{campaign},{number},{extension},SIP:true");
    assert_eq!(config.agents[0].password, Secret::new("500607"));
    assert!(config.routes[0].called.matches("+919000000001"));
}

#[test]
fn what_is_wrong_is_told_with_line_and_key() {
    let line = "[ozonetel]\nregistrar = \"wss://sip.example.com:444/\"\n";
    let socket = "[ozonetel]\nregistrar = \"wss://sip.example.com:444/\"\nwebsocket = \"wss://cloud.example.com/\"\ncustomer = \"acme\"\n";
    let trunk = "[[trunk]]\nname = \"carrier\"\nlisten = \"udp:127.0.0.1:5060\"\n";
    let agent = "[[agent]]\nid = \"agent7\"\n";
    for (text, complaint) in [
        (
            "[http]\nlisen = \"127.0.0.1:1\"",
            "line 2: http.lisen: unknown key; did you mean \"listen\"?",
        ),
        (
            "[cluster]\nnats = \"nats://127.0.0.1\"",
            "line 1: cluster: unknown key; known are http, auth,",
        ),
        (
            "[[agnt]]\nid = \"a\"",
            "line 1: agnt: unknown key; did you mean \"agent\"?",
        ),
        (
            "[http]\n\nlisten = \"localhost\"",
            "line 3: http.listen: must be an IP address and a port",
        ),
        (
            "[http]\nlisten = 8080",
            "line 2: http.listen: must be an IP address and a port",
        ),
        ("[http\nlisten = 1", "line 1: not TOML: "),
        (
            "[[events.webhooks]]\nurl = \"http://example.com/\"",
            "line 2: webhooks[1].url: must be https; http is for allow_private = true",
        ),
        (
            "[[events.webhooks]]\nurl = \"https://example.com/\"\nsecret = \"whsec_short\"",
            "line 3: webhooks[1].secret: a webhook's secret is \"whsec_\" and 24 to 64 bytes",
        ),
        (
            "[[events.webhooks]]\nurl = \"https://example.com/\"\nsecret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\ntypes = [\"calls\"]",
            "line 4: webhooks[1].types: there is no event \"calls\"",
        ),
        (
            "[events]\nnats = \"nats://127.0.0.1\"",
            "line 2: events.nats: unknown key",
        ),
        (
            "[http]\nlisten = \"127.0.0.1:9090\"",
            "http.operations: 127.0.0.1:9090 is also http.listen",
        ),
        (
            "http = 3",
            "line 1: http: must be a table, written as [http]",
        ),
        (
            "[[agent]]\nid = \"a\"\ncalls = 0",
            "line 3: agent[1].calls: must be at least 1",
        ),
        (
            "[agent]\nid = \"a\"",
            "line 1: agent: must be written as [[agent]]",
        ),
        (
            "[auth]\nhs256_secret = \"short\"",
            "line 2: auth.hs256_secret: must have at least 32 bytes",
        ),
        (
            "[auth]\nhs256_secret_file = \"/nowhere/key\"",
            "line 2: auth.hs256_secret_file: /nowhere/key can't be read: ",
        ),
        (
            "[media]\nrtp_ports = \"300-200\"",
            "line 2: media.rtp_ports: must be a range of ports",
        ),
        (
            "[media]\nwebrtc_port = 25000",
            "media.webrtc_port: the workers' ports 25000-25000 overlap media.rtp_ports 20000-29999",
        ),
        (
            "[media]\nwebrtc_port = 70000",
            "line 2: media.webrtc_port: must be a whole number from 0 to 65535",
        ),
        (
            "[media]\ncodecs = []",
            "line 2: media.codecs: must name at least one codec",
        ),
        (
            "[media]\ncodecs = [\"PCMA\", \"GSM\"]",
            "line 2: media.codecs: must be a list, and each of it one of \"PCMA\"",
        ),
        (
            "[media]\nturn = [{ urls = [\"stun:turn.example.com\"], secret = \"s\" }]",
            "line 2: media.turn[1].urls: \"stun:turn.example.com\" is no URI such as",
        ),
        (
            "[media]\nturn = [{ urls = \"turn:turn.example.com\" }]",
            "line 2: media.turn[1].secret_file: is missing",
        ),
        (
            "[[media.turn]]\nurls = \"turn:turn.example.com\"\nsecret = \"s\"\nttl = \"5s\"",
            "line 4: media.turn[1].ttl: must be at least a minute",
        ),
        (
            "[media]\nwebrtc_tcp = \"yes\"",
            "line 2: media.webrtc_tcp: must be true or false",
        ),
        (
            "[media]\npublic_ip = \"0.0.0.0\"",
            "line 2: media.public_ip: is told to the peers",
        ),
        (
            "[[status]]\nname = \"break\"",
            "line 2: status[1].name: \"break\" is there without being named",
        ),
        (
            "[[status]]\nname = \"Lunch break\"",
            "line 2: status[1].name: must be a word of small letters",
        ),
        (
            "[[status]]\nname = \"lunch\"\nlabel = \" \"",
            "line 3: status[1].label: must not be empty",
        ),
        (
            "[[status]]\nname = \"lunch\"\n[[status]]\nname = \"lunch\"",
            "line 3: status[2].name: \"lunch\" is already status[1]'s",
        ),
        (
            "[limits]\ngrace = \"30\"",
            "line 2: limits.grace: must be a duration such as",
        ),
        (
            "[limits]\ngrace = \"99999h\"",
            "line 2: limits.grace: must be a duration such as",
        ),
        (
            "[ozonetel]\ncustomer = \"acme\"",
            "line 1: ozonetel.registrar: is missing",
        ),
        (
            "[ozonetel]\nregistrar = \"https://sip.example.com\"",
            "line 2: ozonetel.registrar: must be a URL such as",
        ),
        (
            "[ozonetel]\nregistrar = \"wss://sip.example.com\"\nwebsocket = \"wss://cloud.example.com\"",
            "line 1: ozonetel.customer: is missing",
        ),
        (
            "[ozonetel]\nregistrar = \"wss://sip.example.com\"\ncommands = \"http-json\"",
            "line 1: ozonetel.command_url: must be an http:// or https:// URL",
        ),
        (
            "[ozonetel]\nregistrar = \"wss://sip.example.com\"\ncommands = \"carrier pigeon\"",
            "line 3: ozonetel.commands: must be one of \"socket\"",
        ),
        (
            "[ozonetel]\nregistrar = \"wss://sip.example.com\"\n[ozonetel.commands.tbManualDail]\nmode = \"x\"",
            "line 3: ozonetel.commands.tbManualDail: unknown key; did you mean \"tbManualDial\"?",
        ),
        (
            "[ozonetel]\nregistrar = \"wss://sip.example.com\"\n[ozonetel.commands.tbManualDial]\nmode = \"{mod}\"",
            "line 4: ozonetel.commands.tbManualDial.mode: {mod} isn't a placeholder; known are",
        ),
        (
            "[ozonetel]\nregistrar = \"wss://sip.example.com\"\ndial = \"api\"",
            "line 3: ozonetel.dial: needs websocket",
        ),
        (
            "[ozonetel]\nregistrar = \"wss://sip.example.com\"\nwebsocket = \"wss://sip.example.com\"\ncustomer = \"acme\"\ndial = \"socket-then-api\"",
            "line 1: ozonetel.api_url: must be an http:// or https:// URL",
        ),
        (
            "[ozonetel]\nregistrar = \"wss://sip.example.com\"\napi_url = \"https://api.example.com/\"",
            "line 3: ozonetel.api_url: is only used with",
        ),
        (
            "[ozonetel]\nregistrar = \"wss://sip.example.com\"\nwebsocket = \"wss://sip.example.com\"\ncustomer = \"acme\"\nlogin_url = \"https://cloud.example.com/\"",
            "line 5: ozonetel.login_url: needs a table [ozonetel.commands.login]",
        ),
        (
            "[ozonetel]\nregistrar = \"wss://sip.example.com\"\ncookies = \"a\\nb\"",
            "line 3: ozonetel.cookies: holds characters",
        ),
        (
            &format!("{line}keep_alive = \"1ms\""),
            "line 3: ozonetel.keep_alive: must be at least one second",
        ),
        (
            "[[trunk]]\nname = \"carrier\"\nlisten = \"sctp:0.0.0.0:5061\"",
            "line 3: trunk[1].listen: must be a transport (udp, tcp or tls), address and port",
        ),
        (
            "[[trunk]]\nname = \"carrier\"\nlisten = []",
            "line 3: trunk[1].listen: is an empty list",
        ),
        (
            "[[trunk]]\nname = \"carrier\"\nlisten = [\"udp:127.0.0.1:5060\", \"tcp:127.0.0.1\"]",
            "line 3: trunk[1].listen: must be a list, and each of it a transport",
        ),
        (
            "[[trunk]]\nname = \"carrier\"\nlisten = \"tls:0.0.0.0:5061\"",
            "line 1: trunk[1].tls_cert: is missing",
        ),
        (
            &format!("{trunk}tls_ca = \"ca.pem\""),
            "line 3: trunk[1].listen: has no \"tls:\" place",
        ),
        (
            &format!("{trunk}tls_cert = \"a.pem\""),
            "line 4: trunk[1].tls_cert: and tls_key only make sense together",
        ),
        (
            &format!("{trunk}peer = \"sip:198.51.100.7;transport=tcp\""),
            "line 4: trunk[1].peer: 198.51.100.7 is reached by a transport that listen doesn't have",
        ),
        (
            &format!("{trunk}peer = \"sip:198.51.100.7;lr\""),
            "line 4: trunk[1].peer: must be a SIP URI",
        ),
        (
            &format!("{trunk}register = true"),
            "line 4: trunk[1].register: needs username and password",
        ),
        (
            &format!("{trunk}calls_per_second = 0"),
            "line 1: trunk[1].calls: and calls_per_second must be 1 or more",
        ),
        (
            "[[trunk]]\nname = \"carrier\"\nlisten = [\"udp:127.0.0.1:5060\", \"tcp:127.0.0.1:8080\"]",
            "line 1: trunk[1].listen: 127.0.0.1:8080 is also HTTP's",
        ),
        (
            "[[trunk]]\nname = \"carrier\"\nlisten = [\"tls:127.0.0.1:5060\", \"tcp:0.0.0.0:5060\"]\npeer = \"sip:198.51.100.7\"",
            "line 1: trunk[1].listen: 0.0.0.0:5060 collides with trunk[1].listen",
        ),
        (
            &format!("{trunk}allow = [\"198.51.100.0/40\"]"),
            "line 4: trunk[1].allow: must be a list, and each of it a network",
        ),
        (
            &format!("{trunk}srtp = \"on\""),
            "line 4: trunk[1].srtp: must be one of \"off\", \"answer\"",
        ),
        (
            &format!("{trunk}digits = \"inband\""),
            "line 4: trunk[1].digits: must be one of \"rtp\", \"info\"",
        ),
        (
            &format!("{trunk}username = \"acme\""),
            "line 4: trunk[1].username: and password only make sense together",
        ),
        (
            &format!("{trunk}{trunk}"),
            "line 4: trunk[2].name: \"carrier\" is already trunk[1]'s",
        ),
        (
            "[[trunk]]\nname = \"ozonetel\"\nlisten = \"udp:127.0.0.1:5060\"",
            "line 1: trunk[1].name: \"ozonetel\" means the provider's line",
        ),
        (
            "[[trunk]]\nname = \"carrier\"\nlisten = \"udp:127.0.0.1:20000\"",
            "line 1: trunk[1].listen: port 20000 belongs to the media's ports",
        ),
        (
            &format!("{trunk}[[trunk]]\nname = \"other\"\nlisten = \"udp:0.0.0.0:5060\""),
            "line 4: trunk[2].listen: 0.0.0.0:5060 collides with trunk[1].listen",
        ),
        (
            "[[agent]]\nname = \"Asha\"",
            "line 1: agent[1].id: is missing",
        ),
        (
            &format!("{agent}{agent}"),
            "line 3: agent[2].id: \"agent7\" is already agent[1]'s",
        ),
        (
            &format!(
                "{line}{agent}extension = \"500607\"\n[[agent]]\nid = \"agent8\"\nextension = \"500607\""
            ),
            "line 6: agent[2].extension: \"500607\" is already agent[1]'s",
        ),
        (
            &format!("{agent}extension = 500607"),
            "line 3: agent[1].extension: must be text in quotes",
        ),
        (
            &format!("{line}{agent}extension = \"5,6\""),
            "line 5: agent[1].extension: must not hold",
        ),
        (
            &format!("{agent}extension = \"500607\""),
            "line 1: agent[1].extension: is registered with the provider, and there is no [ozonetel] section",
        ),
        (
            &format!("{socket}{agent}extension = \"500607\"\nagent_unique_id = 100207"),
            "line 5: agent[1].campaign: is missing",
        ),
        (
            &format!("{agent}auto_answer = \"3\""),
            "line 3: agent[1].auto_answer: must be one of \"none\"",
        ),
        (
            &format!("{agent}dial_via = \"ozonetel\""),
            "line 1: agent[1].dial_via: \"ozonetel\" isn't configured",
        ),
        (
            &format!("{line}{agent}dial_via = \"ozonetel\""),
            "line 3: agent[1].dial_via: is \"ozonetel\", which needs an extension",
        ),
        (
            &format!(
                "{trunk}{agent}[[route]]\ntrunk = \"carier\"\ncalled = \"*\"\nagent = \"agent7\""
            ),
            "line 6: route[1].trunk: \"carier\" isn't configured; did you mean \"carrier\"?",
        ),
        (
            &format!(
                "{trunk}{agent}[[route]]\ntrunk = \"carrier\"\ncalled = \"*\"\nagent = \"nobody\""
            ),
            "line 6: route[1].agent: \"nobody\" isn't configured; known are agent7",
        ),
        (
            &format!("{trunk}{agent}[[route]]\ntrunk = \"carrier\"\ncalled = \"*\""),
            "line 6: route[1].agent: is missing",
        ),
        (
            &format!(
                "{trunk}{agent}[[route]]\ntrunk = \"carrier\"\ncalled = \"*\"\nagents = [\"agent7\", \"agent7\"]"
            ),
            "line 9: route[1].agents: must name at least one agent, and none twice",
        ),
        (
            &format!(
                "{trunk}{agent}[[route]]\ntrunk = \"carrier\"\ncalled = \"*\"\nagent = \"agent7\"\nagents = [\"agent7\"]"
            ),
            "line 9: route[1].agent: and agents are both given",
        ),
        (
            &format!(
                "{trunk}{agent}[[route]]\ntrunk = \"carrier\"\ncalled = \"*\"\nagents = [\"agent7\", \"agent9\"]"
            ),
            "line 6: route[1].agents: \"agent9\" isn't configured",
        ),
        (
            &format!(
                "{trunk}{agent}[[route]]\ntrunk = \"carrier\"\ncalled = \"*\"\nagent = \"agent7\"\ngreeting = 1"
            ),
            "line 10: route[1].greeting: must be true, false or a WAV file",
        ),
        (
            &format!(
                "{trunk}{agent}[[route]]\ntrunk = \"carrier\"\ncalled = \"*\"\nagent = \"agent7\"\nstrategy = \"random\""
            ),
            "line 10: route[1].strategy: must be one of",
        ),
        (
            "[[trunk]]\nname = \"desk\"\nlisten = \"udp:127.0.0.1:5060\"\npeer = \"sip:198.51.100.7\"",
            "line 1: trunk[1].name: \"desk\" means another agent",
        ),
        (
            "[recording]\nmode = \"all\"",
            "line 2: recording.mode: must be one of",
        ),
        (
            "[recording]\nrecipients = [\"age1x\"]",
            "line 2: recording.recipients: must be a list, and each of it an age recipient",
        ),
        (
            "[prompts]\ngreetings = \"a.wav\"",
            "line 2: prompts.greetings: unknown key; did you mean \"greeting\"?",
        ),
        (
            &format!(
                "{trunk}{agent}[[route]]\ntrunk = \"carrier\"\ncalled = \"+9*0*\"\nagent = \"agent7\""
            ),
            "line 8: route[1].called: must be a number",
        ),
    ] {
        let error = Config::parse(text, "test.toml")
            .expect_err(text)
            .to_string();
        let first = error.lines().nth(1).unwrap_or_default();
        assert!(
            first.trim_start().starts_with(complaint),
            "{text}\n{error}\nbut expected {complaint}"
        );
        assert!(error.starts_with("the configuration test.toml can't be used:"));
    }
}

#[test]
fn all_faults_are_told_at_once_in_the_files_order() {
    let text =
        "[limits]\ngrace = 1\n[http]\nlisen = 1\n[[agent]]\nid = \"a\"\n[[agent]]\nidd = \"b\"";
    let error = Config::parse(text, "test.toml")
        .expect_err("three faults")
        .to_string();
    let keys: Vec<&str> = error
        .lines()
        .skip(1)
        .filter_map(|line| line.trim().split(": ").nth(1))
        .collect();
    assert_eq!(
        keys,
        ["limits.grace", "http.lisen", "agent[2].idd"],
        "{error}"
    );
}

#[test]
fn the_environment_overrides_single_keys_and_its_errors_name_the_variable() {
    let read = |text: &str, name: &str, value: &str| {
        let environment = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        Config::read(text, "test.toml", Path::new(""), &environment)
    };
    let file = "[http]\nlisten = \"127.0.0.1:1\"";
    let config = read(file, "WARMLINE__HTTP__LISTEN", "127.0.0.1:2").expect("valid");
    assert_eq!(config.http.listen.port(), 2);

    let config = read("", "WARMLINE__OZONETEL__REGISTRAR", "ws://127.0.0.1:4444/").expect("valid");
    assert_eq!(config.ozonetel.expect("present").domain, "127.0.0.1");

    for (name, complaint) in [
        (
            "WARMLINE__HTTP__LISTEN",
            "WARMLINE__HTTP__LISTEN: must be an IP address and a port",
        ),
        (
            "WARMLINE__HTTP__LISEN",
            "WARMLINE__HTTP__LISEN: unknown key; did you mean \"listen\"?",
        ),
        (
            "WARMLINE__HTPP__LISTEN",
            "WARMLINE__HTPP__LISTEN: unknown key; did you mean \"http\"?",
        ),
        (
            "WARMLINE__MEDIA__CODECS",
            "WARMLINE__MEDIA__CODECS: is a list and can only stand in the file",
        ),
    ] {
        let error = read(file, name, "nonsense").expect_err(name).to_string();
        assert!(error.contains(complaint), "{error}");
    }
}

#[test]
fn a_secret_comes_from_its_file_and_is_never_shown() {
    let directory = std::env::temp_dir().join(format!("warmline-config-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a temporary directory");
    std::fs::write(directory.join("key"), "0123456789abcdef0123456789abcdef\n").expect("written");
    std::fs::write(
        directory.join("warmline.toml"),
        "[auth]\nhs256_secret_file = \"key\"",
    )
    .expect("written");
    let config = Config::load(&directory.join("warmline.toml")).expect("valid");
    std::fs::remove_dir_all(&directory).expect("removed");
    let secret = config.auth.hs256_secret.as_ref().expect("read");
    assert_eq!(secret.expose(), "0123456789abcdef0123456789abcdef");
    assert!(!format!("{config:?}").contains("0123456789abcdef"));

    let both =
        "[auth]\nhs256_secret = \"0123456789abcdef0123456789abcdef\"\nhs256_secret_file = \"key\"";
    let error = Config::parse(both, "test.toml")
        .expect_err("ambiguous")
        .to_string();
    assert!(error.contains("only one can be meant"), "{error}");
    assert!(!error.contains("0123456789abcdef"));
}

#[test]
fn a_file_that_is_not_there_is_an_error_with_its_name() {
    let error = Config::load(Path::new("/nowhere/warmline.toml")).expect_err("absent");
    assert!(
        error.to_string().contains("/nowhere/warmline.toml"),
        "{error}"
    );
}

#[test]
fn durations_have_units() {
    let grace = |text: &str| {
        Config::parse(&format!("[limits]\ngrace = \"{text}\""), "test.toml")
            .expect("valid")
            .limits
            .grace
    };
    assert_eq!(grace("500ms"), Duration::from_millis(500));
    assert_eq!(grace("30s"), Duration::from_secs(30));
    assert_eq!(grace("2m"), Duration::from_secs(120));
    assert_eq!(grace("1h"), Duration::from_secs(3600));
}

#[test]
fn a_trunk_admits_its_peer_and_its_networks() {
    let text = "[[trunk]]\nname = \"carrier\"\nlisten = \"udp:127.0.0.1:5060\"\npeer = \"sip:198.51.100.7;transport=udp\"\nallow = [\"203.0.113.0/24\", \"192.0.2.9\"]";
    let config = Config::parse(text, "test.toml").expect("valid");
    let trunk = &config.trunks[0];
    let peer = TrunkPeer {
        host: "198.51.100.7".to_owned(),
        port: None,
        carrier: Some(Carrier::Udp),
    };
    assert_eq!(trunk.peers, [peer]);
    assert_eq!(trunk.options_interval, Some(Duration::from_secs(30)));
    for (source, admitted) in [
        ("198.51.100.7", true),
        ("203.0.113.200", true),
        ("::ffff:203.0.113.200", true),
        ("192.0.2.9", true),
        ("192.0.2.8", false),
        ("198.51.100.8", false),
    ] {
        assert_eq!(
            trunk.admits(source.parse().expect("an address")),
            admitted,
            "{source}"
        );
    }
}

#[test]
fn a_trunk_may_listen_in_several_places_and_have_several_peers() {
    let text = "[[trunk]]\nname = \"carrier\"\nlisten = [\"udp:127.0.0.1:5060\", \"tcp:127.0.0.1:5060\"]\n\
                peer = [\"sip:198.51.100.7:5080;transport=TCP\", \"sip:sip.example.com\"]\noptions_interval = \"0s\"\n\
                calls = 30\ncalls_per_second = 5";
    let config = Config::parse(text, "test.toml").expect("valid");
    let trunk = &config.trunks[0];
    assert_eq!(trunk.options_interval, None);
    assert_eq!((trunk.calls, trunk.calls_per_second), (Some(30), Some(5)));
    let [first, second] = &trunk.peers[..] else {
        panic!("{:?}", trunk.peers);
    };
    assert_eq!(
        (first.port, first.carrier),
        (Some(5080), Some(Carrier::Tcp))
    );
    assert_eq!((second.port, second.carrier), (None, None));
    let here = |carrier| trunk.listen_for(carrier, "198.51.100.7".parse().expect("an address"));
    assert!(here(Carrier::Tcp).is_some() && here(Carrier::Tls).is_none());
    assert_eq!(
        trunk.listen_for(Carrier::Udp, "2001:db8::1".parse().expect("an address")),
        None
    );
}

#[test]
fn called_patterns_match_as_they_read() {
    for (pattern, number, matches) in [
        ("+919000000001", "+919000000001", true),
        ("+919000000001", "+9190000000011", false),
        ("+9190*", "+919000000001", true),
        ("+9190*", "+918000000001", false),
        ("*01", "+919000000001", true),
        ("*", "anything", true),
    ] {
        let text = format!(
            "[[trunk]]\nname = \"t\"\nlisten = \"udp:127.0.0.1:0\"\n[[agent]]\nid = \"a\"\n[[route]]\ntrunk = \"t\"\nagent = \"a\"\ncalled = \"{pattern}\""
        );
        let config = Config::parse(&text, "test.toml").expect("valid");
        assert_eq!(
            config.routes[0].called.matches(number),
            matches,
            "{pattern} {number}"
        );
    }
}
